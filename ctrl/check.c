/* SPDX-License-Identifier: BSD-3-Clause
 * check.c - would weir start with this configuration, store and rules? Nothing is opened or published
 */
#include "ctrl/ctrl_internal.h"
#include "ctrl/files.h"
#include <sched.h>

static bool
has_cpu(const cpu_set_t *set, unsigned long cpu)
{
	return cpu < CPU_SETSIZE && CPU_ISSET(cpu, set);
}

/* "1", "2-5", "1,3"; "" is the last one. */
int
check_cores(const struct settings *s, FILE *out)
{
	const char *p = s->dataplane_cores;
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return 0;
	while (*p) {
		char *end;
		unsigned long lo = strtoul(p, &end, 10), hi = lo;
		bool is_bad = end == p;

		if (*end == '-') {
			p = end + 1;
			hi = strtoul(p, &end, 10);
			is_bad |= end == p;
		}
		is_bad |= hi < lo || (*end && *end != ',');
		for (unsigned long cpu = lo; cpu <= hi && !is_bad; cpu++) {
			if (has_cpu(&set, cpu))
				continue;
			fprintf(out, "%s: error: dataplane.cores: this machine has no CPU %lu\n",
			        s->path, cpu);
			return -EINVAL;
		}
		if (is_bad) {
			fprintf(out, "%s: error: dataplane.cores: \"%s\" is no list of CPUs\n",
			        s->path, s->dataplane_cores);
			return -EINVAL;
		}
		p = *end ? end + 1 : end;
	}
	return 0;
}

int
ctrl_check(const struct settings *s, FILE *out)
{
	struct settings_errors errors = { 0 };
	struct store *store = NULL;
	struct build b = { 0 };
	char path[PATH_ROOM];
	int cores = check_cores(s, out), ret = 0;

	settings_store_path(s, path);
	if (access(path, F_OK) == 0) /* none yet: no customers, as at a first start */
		ret = store_open(path, &store, &errors);
	if (ret == 0)
		ret = build_read(&b, s, s->node_state_dir, store, &errors);
	if (ret == 0)
		ret = build_make(&b, 1, NULL);
	for (size_t i = 0; i < errors.cnt; i++)
		fputs(errors.item[i], out);
	for (size_t i = 0; i < b.warnings.cnt; i++)
		fputs(b.warnings.item[i], out);
	build_fini(&b);
	store_close(store);
	settings_errors_fini(&errors);
	return ret < 0 || cores < 0 ? -EINVAL : 0;
}
