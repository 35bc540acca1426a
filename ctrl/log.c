/* SPDX-License-Identifier: BSD-3-Clause
 * log.c - the log thread
 */
#include "ctrl/log.h"
#include "ctrl/log_recent.h"
#include "base/clock.h"
#include "base/msgid.h"
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#define BATCH_BYTES   (256u << 10)
#define CONTROL_BYTES (1u << 20) /* waiting lines of control */
#define IDLE_US       5000

struct bucket {
	uint64_t tokens, at_us;
};

struct log {
	struct event_ring **rings;
	size_t ring_cnt;
	pthread_t thread;
	bool is_running;
	bool stop; /* log_stop() sets it, release; the thread reads it, acquire */

	pthread_mutex_t lock; /* what follows */
	char *path;
	bool reopen;
	char *control; /* lines that wait */
	size_t control_len;
	struct log_figures figures;
	struct recent *recent;

	/* the thread's alone */
	int fd;
	char batch[BATCH_BYTES];
	size_t batch_len, batch_lines;
	struct bucket buckets[EVENT_KINDS];
};

static int
open_path(const char *path)
{
	int fd = *path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640) : dup(2);

	return fd < 0 ? -errno : fd;
}

int
log_new(const char *path, struct event_ring *const *rings, size_t ring_cnt, struct log **out)
{
	int fd = open_path(path);
	struct log *l;

	if (fd < 0)
		return fd;
	l = calloc(1, sizeof(*l));
	BUG_ON(!l);
	l->fd = fd;
	l->path = strdup(path);
	l->rings = calloc(ring_cnt + 1, sizeof(*l->rings));
	l->control = malloc(CONTROL_BYTES);
	l->recent = recent_new(RECENT_BYTES, RECENT_LINES);
	BUG_ON(!l->path || !l->rings || !l->control);
	if (ring_cnt > 0)
		memcpy(l->rings, rings, ring_cnt * sizeof(*rings));
	l->ring_cnt = ring_cnt;
	pthread_mutex_init(&l->lock, NULL);
	*out = l;
	return 0;
}

static void
flush(struct log *l)
{
	size_t at = 0;

	while (at < l->batch_len) {
		ssize_t n = write(l->fd, l->batch + at, l->batch_len - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		at += (size_t)n;
	}
	pthread_mutex_lock(&l->lock);
	l->figures.bytes += at;
	if (at < l->batch_len) {
		l->figures.write_errors++;
		l->figures.lost_lines += l->batch_lines;
	} else {
		l->figures.lines += l->batch_lines;
	}
	pthread_mutex_unlock(&l->lock);
	l->batch_len = l->batch_lines = 0;
}

static void
append(struct log *l, const char *text, size_t n, size_t lines)
{
	if (l->batch_len + n > sizeof(l->batch))
		flush(l);
	if (n > sizeof(l->batch))
		return; /* cannot be: control lines are bounded, too */
	memcpy(l->batch + l->batch_len, text, n);
	l->batch_len += n;
	l->batch_lines += lines;
}

/* What strangers can make come in floods. */
static bool
is_limited(unsigned kind)
{
	return kind != EVENT_MAIL && kind != EVENT_VERDICT;
}

static bool
has_token(struct log *l, unsigned kind, uint64_t now_us)
{
	struct bucket *b = &l->buckets[kind];
	uint64_t fresh = (now_us - b->at_us) * LOG_RATE / 1000000;

	if (fresh > 0) {
		b->tokens = MIN(b->tokens + fresh, (uint64_t)LOG_BURST);
		b->at_us = now_us;
	}
	if (b->tokens == 0)
		return false;
	b->tokens--;
	return true;
}

static void
take_event(struct log *l, const struct event *e, uint64_t now_us)
{
	char line[LOG_LINE_MAX];
	size_t n;

	if (is_limited(e->kind) && !has_token(l, e->kind, now_us)) {
		pthread_mutex_lock(&l->lock);
		l->figures.suppressed[e->kind]++;
		pthread_mutex_unlock(&l->lock);
		return;
	}
	n = log_format(e, line, sizeof(line));
	append(l, line, n, 1);
	if (e->id) {
		pthread_mutex_lock(&l->lock);
		recent_add(l->recent, e->id, span(line, n - 1));
		pthread_mutex_unlock(&l->lock);
	}
}

/* Control's lines; reopens the file when asked. */
static void
take_control(struct log *l)
{
	size_t n;

	pthread_mutex_lock(&l->lock);
	n = l->control_len;
	for (size_t at = 0; at < n;) { /* whole lines, in pieces that the batch can hold */
		size_t len = (size_t)((char *)memchr(l->control + at, '\n', n - at) -
		                      (l->control + at)) +
		             1;
		char *line = l->control + at;

		at += len;
		pthread_mutex_unlock(&l->lock); /* control only appends behind n */
		append(l, line, len, 1);
		pthread_mutex_lock(&l->lock);
	}
	memmove(l->control, l->control + n, l->control_len - n);
	l->control_len -= n;
	if (l->reopen) {
		int fd;

		l->reopen = false;
		pthread_mutex_unlock(&l->lock);
		flush(l);
		pthread_mutex_lock(&l->lock);
		fd = open_path(l->path);
		if (fd >= 0) {
			close(l->fd);
			l->fd = fd;
		} else {
			l->figures.write_errors++;
		}
	}
	pthread_mutex_unlock(&l->lock);
}

/* One round over all rings; returns how many events came. */
static size_t
drain(struct log *l)
{
	uint64_t now_us = clock_mono_us();
	size_t cnt = 0;
	struct event e;

	for (size_t i = 0; i < l->ring_cnt; i++)
		for (unsigned k = 0; k < 4096 && l->rings[i] && event_pop(l->rings[i], &e); k++) {
			take_event(l, &e, now_us);
			cnt++;
		}
	take_control(l);
	flush(l);
	return cnt;
}

static void *
run(void *arg)
{
	struct log *l = arg;

	for (;;) {
		bool stop = __atomic_load_n(&l->stop, __ATOMIC_ACQUIRE);
		size_t cnt = drain(l);

		if (cnt == 0 && stop)
			return NULL;
		if (cnt == 0)
			usleep(IDLE_US);
	}
}

int
log_start(struct log *l)
{
	int ret = pthread_create(&l->thread, NULL, run, l);

	l->is_running = ret == 0;
	return -ret;
}

void
log_reopen(struct log *l, const char *path)
{
	char *copy = strdup(path);

	BUG_ON(!copy);
	pthread_mutex_lock(&l->lock);
	free(l->path);
	l->path = copy;
	l->reopen = true;
	pthread_mutex_unlock(&l->lock);
}

void
log_stop(struct log *l)
{
	/* Release: what control queued before is seen by the last round. */
	__atomic_store_n(&l->stop, true, __ATOMIC_RELEASE);
	if (l->is_running)
		pthread_join(l->thread, NULL);
	else
		drain(l);
	l->is_running = false;
}

void
log_free(struct log *l)
{
	if (!l)
		return;
	close(l->fd);
	recent_free(l->recent);
	pthread_mutex_destroy(&l->lock);
	free(l->control);
	free(l->rings);
	free(l->path);
	free(l);
}

void
log_control(struct log *l, const char *event, json_t *fields)
{
	struct event head = { .wall_us = clock_wall_us() };
	json_t *line = json_object();
	char time[LOG_LINE_MAX], *text;
	size_t n;

	log_format(&head, time, sizeof(time)); /* {"time":"2026-…Z", */
	json_object_set_new(line, "time", json_stringn(time + 9, 27));
	json_object_set_new(line, "event", json_string(event));
	if (fields)
		json_object_update(line, fields);
	json_decref(fields);
	text = json_dumps(line, JSON_COMPACT | JSON_ENSURE_ASCII);
	json_decref(line);
	if (!text)
		return;
	n = strlen(text);
	pthread_mutex_lock(&l->lock);
	if (n < BATCH_BYTES && l->control_len + n + 1 <= CONTROL_BYTES) {
		memcpy(l->control + l->control_len, text, n);
		l->control[l->control_len + n] = '\n';
		l->control_len += n + 1;
	} else {
		l->figures.lost_lines++;
	}
	pthread_mutex_unlock(&l->lock);
	free(text);
}

void
log_figures(struct log *l, struct log_figures *out)
{
	pthread_mutex_lock(&l->lock);
	*out = l->figures;
	pthread_mutex_unlock(&l->lock);
	out->ring_dropped = 0;
	for (size_t i = 0; i < l->ring_cnt; i++)
		if (l->rings[i])
			out->ring_dropped +=
			        __atomic_load_n(&l->rings[i]->dropped_cnt, __ATOMIC_RELAXED);
}

/* Lines of the last FILE_TAIL bytes of the log that name the id. */
#define FILE_TAIL (256ull << 20)

static void
find_in_file(const char *path, const char *id, json_t *out)
{
	FILE *f = *path ? fopen(path, "re") : NULL;
	char want[MSGID_CHARS + 16], *line = NULL;
	size_t cap = 0;
	ssize_t n;

	if (!f)
		return;
	snprintf(want, sizeof(want), "\"id\":\"%s\"", id);
	if (fseeko(f, 0, SEEK_END) == 0 && ftello(f) > (off_t)FILE_TAIL)
		fseeko(f, -(off_t)FILE_TAIL, SEEK_END);
	else
		rewind(f);
	while ((n = getline(&line, &cap, f)) > 0 && json_array_size(out) < 100) {
		json_t *j = strstr(line, want) ? json_loadb(line, (size_t)n, 0, NULL) : NULL;

		if (j)
			json_array_append_new(out, j);
	}
	free(line);
	fclose(f);
}

json_t *
log_find(struct log *l, const char *id)
{
	json_t *out = json_array();
	char *path;
	uint64_t n;

	if (!msgid_parse(span_z(id), &n))
		return out;
	pthread_mutex_lock(&l->lock);
	recent_find(l->recent, n, out);
	path = strdup(l->path);
	pthread_mutex_unlock(&l->lock);
	BUG_ON(!path);
	if (json_array_size(out) == 0) {
		char canonical[MSGID_CHARS + 1];

		msgid_format(n, canonical);
		find_in_file(path, canonical, out);
	}
	free(path);
	return out;
}
