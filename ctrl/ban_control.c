/* SPDX-License-Identifier: BSD-3-Clause
 * ban_control.c - changes of the ban list: saved, then published, then the old set freed after a grace period
 */
#include "ctrl/ctrl_internal.h"
#include "ctrl/files.h"
#include <urcu-qsbr.h>

/* Under ban_lock. Blocks for a grace period. */
static void
publish(struct ctrl *c)
{
	struct ban_set *old = c->node.published->bans, *set = ban_set_build(&c->bans);

	rcu_assign_pointer(c->node.published->bans, set);
	urcu_qsbr_synchronize_rcu();
	ban_set_free(old);
}

static int
changed(struct ctrl *c)
{
	int ret = ban_list_save(&c->bans, c->ban_path);

	publish(c);
	if (ret < 0)
		log_control(c->log, "error",
		            json_pack("{s:s,s:s}", "path", c->ban_path, "text", strerror(-ret)));
	return ret;
}

int
bans_init(struct ctrl *c)
{
	char err[512];
	int ret;

	path_format(c->ban_path, sizeof(c->ban_path), "%s/bans.json", c->settings->node_state_dir);
	ret = ban_list_load(&c->bans, c->ban_path, err, sizeof(err));
	if (ret < 0) {
		fprintf(stderr, "weir: %s\n", err);
		return ret;
	}
	publish(c);
	return 0;
}

int
bans_add(struct ctrl *c, const struct ban *b)
{
	int ret;

	pthread_mutex_lock(&c->ban_lock);
	ret = ban_list_add(&c->bans, b);
	if (ret == 0)
		ret = changed(c);
	pthread_mutex_unlock(&c->ban_lock);
	return ret;
}

int
bans_del(struct ctrl *c, const struct addr_prefix *p)
{
	int ret;

	pthread_mutex_lock(&c->ban_lock);
	ret = ban_list_del(&c->bans, p);
	if (ret == 0)
		ret = changed(c);
	pthread_mutex_unlock(&c->ban_lock);
	return ret;
}

void
bans_tick(struct ctrl *c, uint64_t wall_us)
{
	size_t gone;

	pthread_mutex_lock(&c->ban_lock);
	gone = ban_list_expire(&c->bans, wall_us);
	if (gone > 0)
		changed(c);
	pthread_mutex_unlock(&c->ban_lock);
	if (gone > 0)
		log_control(c->log, "ban_expired", json_pack("{s:I}", "count", (json_int_t)gone));
}

json_t *
bans_json(struct ctrl *c)
{
	json_t *all = json_array();

	pthread_mutex_lock(&c->ban_lock);
	for (size_t i = 0; i < c->bans.cnt; i++) {
		char prefix[ADDR_TEXT_MAX + 4];

		ban_format(&c->bans.item[i].prefix, prefix);
		json_array_append_new(all,
		                      json_pack("{s:s,s:I,s:s}", "prefix", prefix, "until",
		                                (json_int_t)(c->bans.item[i].until_us / 1000000),
		                                "why", c->bans.item[i].why));
	}
	pthread_mutex_unlock(&c->ban_lock);
	return all;
}

/* The workers have ended. */
void
bans_fini(struct ctrl *c)
{
	ban_set_free(c->node.published->bans);
	c->node.published->bans = NULL;
	ban_list_fini(&c->bans);
}
