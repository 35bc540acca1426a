/* SPDX-License-Identifier: BSD-3-Clause
 * settings_restart.c - which keys differ that a reload cannot apply
 */
#include "ctrl/settings.h"
#include "ctrl/settings_table.h"

static bool
port_differs(const struct settings_port *a, const struct settings_port *b)
{
	bool same = !strcmp(a->device, b->device) && addr_eq(&a->gateway4, &b->gateway4) &&
	            addr_eq(&a->gateway6, &b->gateway6) && a->mtu == b->mtu && a->vlan == b->vlan &&
	            a->addresses.cnt == b->addresses.cnt;

	for (size_t i = 0; i < a->addresses.cnt && same; i++)
		same = !strcmp(a->addresses.item[i], b->addresses.item[i]);
	return !same;
}

static bool
ports_differ(const struct settings *a, const struct settings *b)
{
	bool same = a->port_cnt == b->port_cnt;

	for (size_t i = 0; i < a->port_cnt && same; i++)
		same = !port_differs(&a->ports[i], &b->ports[i]);
	return !same;
}

static bool
listen_differs(const struct settings *a, const struct settings *b)
{
	bool same = a->listen_cnt == b->listen_cnt;

	for (size_t i = 0; i < a->listen_cnt && same; i++)
		same = addr_eq(&a->listen[i].address, &b->listen[i].address) &&
		       a->listen[i].port == b->listen[i].port &&
		       addr_eq(&a->listen[i].backup_of, &b->listen[i].backup_of);
	return !same;
}

static bool
differs(const struct setting *t, const struct settings *a, const struct settings *b)
{
	const char *x = (const char *)a + t->at, *y = (const char *)b + t->at;

	switch (t->type) {
	case SET_TEXT:
		return strcmp(*(const char *const *)(const void *)x,
		              *(const char *const *)(const void *)y);
	case SET_BOOL:
		return *(const bool *)x != *(const bool *)y;
	case SET_ENUM:
		return memcmp(x, y, sizeof(unsigned)) != 0;
	case SET_COUNT:
	case SET_SIZE:
	case SET_DURATION:
		return memcmp(x, y, sizeof(uint64_t)) != 0;
	case SET_LIST: /* feeds are RELOAD */
		return strcmp(t->key, "ports") ? listen_differs(a, b) : ports_differ(a, b);
	case SET_TEXTS: /* RELOAD, all of them */
	case SET_PREFIXES:
	case SET_REFUSED:
		break;
	}
	return false;
}

void
settings_needs_restart(const struct settings *running, const struct settings *wanted,
                       struct settings_errors *out)
{
	for (size_t i = 0; i < settings_table_cnt; i++) {
		const struct setting *t = &settings_table[i];

		if (t->when == START && differs(t, running, wanted))
			settings_error(
			        out, "%s: warning: %s: needs a restart; the running value stays\n",
			        wanted->path, t->key);
	}
}
