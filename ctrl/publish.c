/* SPDX-License-Identifier: BSD-3-Clause
 * publish.c - the build thread: one reload at a time, all or nothing
 *
 * A request takes a ticket. A build answers every ticket that was taken before it began, so a burst of requests costs two
 * builds, and a caller never gets the result of inputs that were read before its request.
 */
#include "ctrl/ctrl_internal.h"
#include "ctrl/files.h"
#include "base/clock.h"
#include <sys/resource.h>
#include <sys/syscall.h>

#define LOGGED_ERRORS 20

const struct settings *
publish_settings(const struct ctrl *c)
{
	return c->now.path ? &c->now : c->settings;
}

static json_t *
texts(const struct settings_errors *e, size_t max)
{
	json_t *out = json_array();

	for (size_t i = 0; i < e->cnt && i < max; i++) {
		size_t n = strlen(e->item[i]);
		json_t *s;

		while (n > 0 && e->item[i][n - 1] == '\n')
			n--;
		s = json_stringn(e->item[i], n);
		json_array_append_new(out, s ? s : json_string("(text is no UTF-8)"));
	}
	return out;
}

static void
print_errors(const struct settings_errors *e)
{
	for (size_t i = 0; i < e->cnt; i++)
		fputs(e->item[i], stderr);
}

/* A store that could not be opened at start is tried again: its file may be back. */
static struct store *
store_now(struct ctrl *c, struct settings_errors *errors)
{
	char path[PATH_ROOM];

	if (!c->store) {
		settings_store_path(c->settings, path);
		store_open(path, &c->store, errors);
	}
	return c->store;
}

static int
save(struct ctrl *c, struct build *b, uint64_t generation)
{
	int ret = b->changes ? build_save_change(b, generation) : build_save(b, generation);

	if (ret < 0) /* mail goes on; the operator is told */
		settings_error(&b->warnings, "%s/snapshots/%llu: cannot be saved: %s\n",
		               c->settings->node_state_dir, (unsigned long long)generation,
		               strerror(-ret));
	return ret;
}

int
publish_init(struct ctrl *c)
{
	const char *const dirs[] = { "", "/cache", "/snapshots" };

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		char path[PATH_ROOM];
		int ret;

		path_format(path, sizeof(path), "%s%s", c->settings->node_state_dir, dirs[i]);
		ret = dir_make(path);
		if (ret < 0) {
			fprintf(stderr, "weir: node.state_dir: %s: %s\n", path, strerror(-ret));
			return ret;
		}
	}
	c->last_generation = saved_newest(c->settings->node_state_dir);
	return 0;
}

/* The last good inputs, when today's cannot be used. */
static int
first_from_saved(struct ctrl *c, uint64_t saved, struct settings_errors *why)
{
	struct settings_errors errors = { 0 };
	struct build b;
	const char *first;
	json_t *said;
	int ret;

	ret = build_read_saved(&b, c->settings, saved, &errors);
	if (ret == 0)
		ret = build_make(&b, generation_next(c), NULL);
	if (ret == 0)
		ret = generation_publish(c, build_take(&b));
	build_fini(&b);
	print_errors(why);
	print_errors(&errors);
	settings_errors_fini(&errors);
	if (ret < 0)
		return ret;
	fprintf(stderr, "weir: runs on the saved inputs of generation %llu\n",
	        (unsigned long long)saved);
	said = texts(why, LOGGED_ERRORS);
	first = json_string_value(json_array_get(said, 0)); /* of bytes that JSON takes */
	c->running_on = first ? strdup(first) : NULL;
	log_control(c->log, "start_from_saved",
	            json_pack("{s:I,s:o}", "saved", (json_int_t)saved, "errors", said));
	return 0;
}

int
publish_first(struct ctrl *c)
{
	struct settings_errors errors = { 0 };
	struct build b = { 0 };
	uint64_t number = generation_next(c), saved = saved_newest(c->settings->node_state_dir);
	struct store *store = NULL;
	char path[PATH_ROOM];
	int ret;

	settings_store_path(c->settings, path);
	if (saved && access(path, F_OK) < 0) /* an empty store would take all mail away */
		settings_error(&errors, "%s: error: %s\n", path, strerror(errno));
	else
		store = store_now(c, &errors);
	ret = store && store_generation(store, &c->store_base) == 0
	              ? build_read(&b, c->settings, c->settings->node_state_dir, store, &errors)
	              : -EINVAL;
	if (ret == 0)
		ret = build_make(&b, number, NULL);
	if (ret == 0) {
		c->has_store_base = save(c, &b, number) == 0;
		ret = generation_publish(c, build_take(&b));
		print_errors(&b.warnings);
	}
	build_fini(&b);
	if (ret < 0 && saved)
		ret = first_from_saved(c, saved, &errors);
	else if (ret < 0)
		print_errors(&errors);
	settings_errors_fini(&errors);
	return ret;
}

/* Read, build, prove, save, publish. On failure everything is as before. */
static int
reload(struct ctrl *c, struct settings_errors *errors, struct settings_errors *warnings)
{
	struct settings s = { 0 };
	struct build b = { 0 };
	const struct snapshot *prev = c->node.published->snapshot;
	struct store *store;
	uint64_t number, base = 0;
	bool is_saved = false;
	int ret = settings_load(c->settings->path, &s, errors);

	if (ret < 0)
		return ret;
	store = store_now(c, errors);
	/* Before the rows are read: what comes between is read twice, never missed. */
	ret = store ? store_generation(store, &base) : -EIO;
	if (ret == 0)
		ret = build_read(&b, &s, c->settings->node_state_dir, store, errors);
	number = generation_next(c);
	if (ret == 0)
		ret = build_make(&b, number, prev);
	if (ret == 0) {
		is_saved = save(c, &b, number) == 0;
		ret = generation_publish(c, build_take(&b));
		if (ret < 0)
			settings_error(errors, "cannot be attached to the workers: %s\n",
			               strerror(-ret));
	}
	*warnings = b.warnings;
	b.warnings = (struct settings_errors){ 0 };
	build_fini(&b);
	if (ret < 0) {
		settings_fini(&s);
		return ret;
	}
	c->store_base = base;
	c->has_store_base = is_saved; /* else changes would be saved beside files of another base */
	pthread_mutex_lock(&c->build.lock);
	settings_fini(&c->before);
	c->before = c->now;
	c->now = s;
	free(c->running_on);
	c->running_on = NULL;
	pthread_mutex_unlock(&c->build.lock);
	return 0;
}

/* Only rows of the store changed: their customers in a layer above the tables that are there. False: reload() must do it, *ret is
 * untouched. */
static bool
reload_rows(struct ctrl *c, struct settings_errors *errors, struct settings_errors *warnings,
            int *ret)
{
	const struct snapshot *prev = c->node.published->snapshot;
	struct build b = { 0 };
	uint64_t number, at;
	int made;

	if (!c->has_store_base || !c->store || store_generation(c->store, &at) < 0 ||
	    at < c->store_base) /* another file, or an older copy of it */
		return false;
	made = build_read_changes(&b, publish_settings(c), c->settings->node_state_dir, c->store,
	                          c->store_base, errors);
	number = generation_next(c);
	if (made == 0)
		made = build_make_change(&b, number, prev);
	if (made == 0) {
		save(c, &b, number);
		made = generation_publish(c, build_take(&b));
		if (made < 0)
			settings_error(errors, "cannot be attached to the workers: %s\n",
			               strerror(-made));
	}
	*warnings = b.warnings;
	b.warnings = (struct settings_errors){ 0 };
	build_fini(&b);
	if (made == -EAGAIN || made == -EIO) { /* reload() has its own to say */
		settings_errors_fini(errors);
		settings_errors_fini(warnings);
		return false;
	}
	*ret = made;
	return true;
}

/* Settings that a reload applies; a warning for those that it cannot. */
static void
apply_settings(struct ctrl *c, struct settings_errors *warnings)
{
	settings_needs_restart(c->settings, &c->now, warnings);
	log_reopen(c->log, c->now.log_path);
	if (!c->node.settings_changed)
		return;
	pthread_mutex_lock(&c->node_lock);
	c->node.settings_changed(c->node.ctx, &c->now);
	pthread_mutex_unlock(&c->node_lock);
}

static void
reload_once(struct ctrl *c, const char *why, bool is_rows)
{
	struct settings_errors errors = { 0 }, warnings = { 0 };
	uint64_t begun_us = clock_mono_us();
	struct reload_outcome o = { 0 };
	int ret;

	if (!is_rows || !reload_rows(c, &errors, &warnings, &ret)) {
		ret = reload(c, &errors, &warnings);
		if (ret == 0)
			apply_settings(c, &warnings);
	}
	o.is_ok = ret == 0;
	o.generation = c->last_generation;
	o.took_us = clock_mono_us() - begun_us;
	o.errors = texts(&errors, SIZE_MAX);
	o.warnings = texts(&warnings, SIZE_MAX);
	log_control(c->log, o.is_ok ? "reload" : "reload_refused",
	            json_pack("{s:s,s:I,s:I,s:o,s:o}", "why", why, "generation",
	                      (json_int_t)o.generation, "ms", (json_int_t)(o.took_us / 1000),
	                      "errors", texts(&errors, LOGGED_ERRORS), "warnings",
	                      texts(&warnings, LOGGED_ERRORS)));
	settings_errors_fini(&errors);
	settings_errors_fini(&warnings);
	pthread_mutex_lock(&c->build.lock);
	json_decref(c->build.outcome.errors);
	json_decref(c->build.outcome.warnings);
	c->build.outcome = o;
	*(o.is_ok ? &c->build.ok_cnt : &c->build.refused_cnt) += 1;
	pthread_mutex_unlock(&c->build.lock);
}

/* Between builds, old generations whose jobs ended meanwhile go within this. */
#define RETIRE_PERIOD_MS 50

static bool
wait_for_work(struct ctrl *c, char *why, size_t cap, bool *is_rows)
{
	struct builder *b = &c->build;
	bool is_work;

	pthread_mutex_lock(&b->lock);
	if (!b->stop && b->wanted == b->begun) {
		struct timespec t;

		clock_gettime(CLOCK_REALTIME, &t);
		t.tv_nsec += RETIRE_PERIOD_MS * 1000000l;
		t.tv_sec += t.tv_nsec / 1000000000l;
		t.tv_nsec %= 1000000000l;
		if (c->live_cnt > 1)
			pthread_cond_timedwait(&b->wake, &b->lock, &t);
		else
			pthread_cond_wait(&b->wake, &b->lock);
	}
	is_work = !b->stop && b->wanted > b->begun;
	if (is_work) {
		b->begun = b->wanted;
		snprintf(why, cap, "%s", b->why);
		*is_rows = !b->wants_all;
		b->wants_all = false;
	}
	pthread_mutex_unlock(&b->lock);
	return is_work;
}

static void *
run(void *arg)
{
	struct ctrl *c = arg;
	struct builder *b = &c->build;

	setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), 10); /* workers first */
	while (!__atomic_load_n(&b->stop, __ATOMIC_RELAXED)) {
		char why[sizeof(b->why)];
		bool is_rows;

		if (!wait_for_work(c, why, sizeof(why), &is_rows)) {
			generation_retire(c);
			continue;
		}
		reload_once(c, why, is_rows);
		pthread_mutex_lock(&b->lock);
		b->finished = b->begun;
		pthread_cond_broadcast(&b->done);
		pthread_mutex_unlock(&b->lock);
	}
	return NULL;
}

int
publish_start(struct ctrl *c)
{
	int ret = pthread_create(&c->build.thread, NULL, run, c);

	c->build.is_running = ret == 0;
	return -ret;
}

void
publish_stop(struct ctrl *c)
{
	struct builder *b = &c->build;

	pthread_mutex_lock(&b->lock);
	__atomic_store_n(&b->stop, true, __ATOMIC_RELAXED);
	pthread_cond_broadcast(&b->wake);
	pthread_cond_broadcast(&b->done);
	pthread_mutex_unlock(&b->lock);
	if (b->is_running)
		pthread_join(b->thread, NULL);
	b->is_running = false;
}

void
publish_fini(struct ctrl *c)
{
	generation_fini(c);
	store_close(c->store);
	store_close(c->store_poll);
	settings_fini(&c->now);
	settings_fini(&c->before);
	json_decref(c->build.outcome.errors);
	json_decref(c->build.outcome.warnings);
	free(c->running_on);
}

static uint64_t
take_ticket(struct builder *b, const char *why, bool is_rows)
{
	b->wants_all |= !is_rows;
	snprintf(b->why, sizeof(b->why), "%s", why);
	pthread_cond_signal(&b->wake);
	return ++b->wanted;
}

void
publish_request(struct ctrl *c, const char *why, bool is_rows)
{
	pthread_mutex_lock(&c->build.lock);
	take_ticket(&c->build, why, is_rows);
	pthread_mutex_unlock(&c->build.lock);
}

bool
publish_reload(struct ctrl *c, const char *why, struct reload_outcome *out)
{
	struct builder *b = &c->build;
	uint64_t mine;
	bool is_done;

	pthread_mutex_lock(&b->lock);
	mine = take_ticket(b, why, false);
	while (b->finished < mine && !b->stop)
		pthread_cond_wait(&b->done, &b->lock);
	is_done = b->finished >= mine;
	if (is_done) {
		*out = b->outcome;
		json_incref(out->errors);
		json_incref(out->warnings);
	}
	pthread_mutex_unlock(&b->lock);
	return is_done;
}

const struct snapshot *
publish_lock(struct ctrl *c)
{
	pthread_mutex_lock(&c->live_lock);
	return c->live[c->live_cnt - 1].snapshot;
}

void
publish_unlock(struct ctrl *c)
{
	pthread_mutex_unlock(&c->live_lock);
}
