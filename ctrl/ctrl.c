/* SPDX-License-Identifier: BSD-3-Clause
 * ctrl.c - control from start to stop, and its thread: accept, nudges, a tick
 */
#include "ctrl/ctrl_internal.h"
#include "ctrl/files.h"
#include "base/clock.h"
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#define TICK_MS     200 /* how soon a commit of another process is seen */
#define POLL_ALL_US 60000000

static void
init_locks(struct ctrl *c)
{
	pthread_mutex_t *all[] = { &c->build.lock, &c->node_lock, &c->capture_lock, &c->live_lock,
		                   &c->ban_lock,   &c->tick_lock, &c->conn_lock };

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		pthread_mutex_init(all[i], NULL);
	pthread_cond_init(&c->build.wake, NULL);
	pthread_cond_init(&c->build.done, NULL);
	for (size_t i = 0; i < ARRAY_LEN(c->conn_fds); i++)
		c->conn_fds[i] = -1;
}

static int
open_log(struct ctrl *c)
{
	struct event_ring *rings[WORKERS_MAX];
	int ret;

	for (size_t i = 0; i < c->node.worker_cnt; i++)
		rings[i] = c->node.workers[i].events;
	ret = log_new(c->settings->log_path, rings, c->node.worker_cnt, &c->log);
	if (ret < 0)
		fprintf(stderr, "weir: log.path: %s: %s\n", c->settings->log_path, strerror(-ret));
	return ret;
}

struct ctrl *
ctrl_new(const struct settings *s, const struct ctrl_node *node)
{
	struct ctrl *c = calloc(1, sizeof(*c));

	BUG_ON(!c || node->worker_cnt > WORKERS_MAX);
	c->settings = s;
	c->node = *node;
	c->listen_fd = -1;
	c->start_us = clock_mono_us();
	c->start_wall_us = clock_wall_us();
	init_locks(c);
	c->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	BUG_ON(c->wake_fd < 0);
	if (open_log(c) < 0 || publish_init(c) < 0 || socket_open(c) < 0 || bans_init(c) < 0) {
		ctrl_free(c);
		return NULL;
	}
	return c;
}

/* ---- the control thread ---- */

static bool
feed_changed(struct ctrl *c, const struct settings_feed *f, size_t i)
{
	struct stat st;
	int64_t mtime;

	if (stat(f->source, &st) < 0)
		return false; /* gone: what is in use stays; a reload says so */
	mtime = st.st_mtim.tv_sec * 1000000000ll + st.st_mtim.tv_nsec;
	if (c->feed_mtime[i] == mtime)
		return false;
	c->feed_mtime[i] = mtime;
	return true;
}

/* Feeds whose period is over and whose file is another one. */
static void
tick_feeds(struct ctrl *c, uint64_t now_us)
{
	bool changed = false;

	pthread_mutex_lock(&c->build.lock); /* settings stay */
	for (size_t i = 0; i < publish_settings(c)->feed_cnt; i++) {
		const struct settings_feed *f = &publish_settings(c)->feeds[i];

		if (c->feed_mtime[i] == 0)
			feed_changed(c, f, i); /* as read at start */
		if (now_us - c->feed_checked_us[i] < f->period_us)
			continue;
		c->feed_checked_us[i] = now_us;
		changed |= feed_changed(c, f, i);
	}
	pthread_mutex_unlock(&c->build.lock);
	if (changed)
		publish_request(c, "feed", false);
}

/* The store may be made after the start. */
static bool
store_committed(struct ctrl *c)
{
	struct settings_errors e = { 0 };
	char path[PATH_ROOM];
	bool is_back;

	if (!c->store_poll) {
		settings_store_path(c->settings, path);
		if (access(path, F_OK) < 0 || store_open(path, &c->store_poll, &e) < 0) {
			settings_errors_fini(&e);
			return false;
		}
		pthread_mutex_lock(&c->build.lock);
		is_back = c->running_on != NULL;
		pthread_mutex_unlock(&c->build.lock);
		return is_back;
	}
	return store_has_changed(c->store_poll);
}

static void
tick(struct ctrl *c)
{
	uint64_t now_us = clock_mono_us();

	if (store_committed(c))
		publish_request(c, "store", true);
	if (now_us - c->tick_us < 1000000)
		return;
	c->tick_us = now_us;
	rates_tick(c, now_us);
	bans_tick(c, clock_wall_us());
	if (c->node.primaries_up) /* listeners are as at start */
		primaries_tick(&c->primaries, c->settings, now_us, c->node.primaries_up);
	tick_feeds(c, now_us);
}

/* Also when the reload that follows is refused: the file may have been moved away. */
static void
reopen_log(struct ctrl *c)
{
	pthread_mutex_lock(&c->build.lock); /* settings stay */
	log_reopen(c->log, publish_settings(c)->log_path);
	pthread_mutex_unlock(&c->build.lock);
}

static void *
run(void *arg)
{
	struct ctrl *c = arg;

	while (!__atomic_load_n(&c->stop, __ATOMIC_ACQUIRE)) {
		struct pollfd fds[] = { { .fd = c->listen_fd, .events = POLLIN },
			                { .fd = c->wake_fd, .events = POLLIN } };
		uint64_t n;

		poll(fds, ARRAY_LEN(fds), TICK_MS);
		if (fds[0].revents)
			socket_accept(c);
		if (read(c->wake_fd, &n, sizeof(n)) == sizeof(n) &&
		    !__atomic_load_n(&c->stop, __ATOMIC_ACQUIRE)) {
			reopen_log(c);
			publish_request(c, "signal", false);
		}
		tick(c);
	}
	return NULL;
}

int
ctrl_start(struct ctrl *c)
{
	int ret = publish_first(c);

	if (ret == 0)
		ret = log_start(c->log);
	if (ret == 0)
		ret = http_start(c);
	if (ret == 0)
		ret = publish_start(c);
	if (ret == 0)
		ret = -pthread_create(&c->thread, NULL, run, c);
	if (ret < 0)
		return ret;
	c->is_running = true;
	log_control(c->log, "start",
	            json_pack("{s:s,s:I,s:i}", "node", c->settings->node_name, "generation",
	                      (json_int_t)c->last_generation, "pid", (int)getpid()));
	return 0;
}

void
ctrl_set_draining(struct ctrl *c, bool on)
{
	if (__atomic_exchange_n(&c->is_draining, on, __ATOMIC_RELAXED) != on)
		log_control(c->log, on ? "drain" : "undrain", NULL);
}

static void
wake(struct ctrl *c)
{
	uint64_t one = 1;

	/* Full (it cannot be: 2^64-2 wakes) means that it will wake anyway. */
	if (write(c->wake_fd, &one, sizeof(one)) < 0)
		return;
}

void
ctrl_request_reload(struct ctrl *c)
{
	wake(c);
}

void
ctrl_stop(struct ctrl *c)
{
	/* Release: pairs with the thread's acquire; the wake's system call comes after it. */
	__atomic_store_n(&c->stop, true, __ATOMIC_RELEASE);
	wake(c);
	publish_stop(c); /* callers of reload get their answer */
	if (c->is_running)
		pthread_join(c->thread, NULL);
	c->is_running = false;
	http_stop(c);
	log_control(c->log, "stop", json_pack("{s:s}", "node", c->settings->node_name));
	log_stop(c->log);
}

void
ctrl_free(struct ctrl *c)
{
	if (!c)
		return;
	if (!socket_close(c))
		return; /* a capture under way still uses c; the process ends soon */
	publish_fini(c);
	bans_fini(c);
	primaries_fini(&c->primaries);
	log_free(c->log);
	close(c->wake_fd);
	free(c);
}
