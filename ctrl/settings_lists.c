/* SPDX-License-Identifier: BSD-3-Clause
 * settings_lists.c - the three lists of maps: ports, listen, feeds
 */
#include "ctrl/feeds_zone.h"
#include "ctrl/settings_yaml.h"

/* One entry of a list: reads the value of `key`; false when there is no such key. */
typedef bool (*field_fn)(struct settings_reader *r, const char *key, yaml_node_t *v, void *entry);

static void
read_map(struct settings_reader *r, const char *list, yaml_node_t *n, field_fn field, void *entry)
{
	if (n->type != YAML_MAPPING_NODE) {
		reader_error(r, n, "%s: an entry is a map", list);
		return;
	}
	for (yaml_node_pair_t *p = n->data.mapping.pairs.start; p < n->data.mapping.pairs.top;
	     p++) {
		yaml_node_t *k = reader_node(r, p->key), *v = reader_node(r, p->value);
		char key[KEY_BYTES_MAX + 1];
		struct span name;

		if (!reader_key(r, k, &name))
			continue;
		snprintf(key, sizeof(key), "%.*s", (int)name.len, name.p);
		if (!field(r, key, v, entry))
			reader_error(r, k, "%s: unknown key \"%s\"", list, key);
	}
}

static bool
port_field(struct settings_reader *r, const char *key, yaml_node_t *v, void *entry)
{
	struct settings_port *p = entry;

	if (!strcmp(key, "device"))
		reader_text(r, v, "ports.device", &p->device);
	else if (!strcmp(key, "addresses"))
		reader_texts(r, v, "ports.addresses", &p->addresses);
	else if (!strcmp(key, "gateway4"))
		reader_address(r, v, "ports.gateway4", &p->gateway4);
	else if (!strcmp(key, "gateway6"))
		reader_address(r, v, "ports.gateway6", &p->gateway6);
	else if (!strcmp(key, "mtu"))
		reader_number(r, v, "ports.mtu", SETTINGS_COUNT, 576, 9000, &p->mtu);
	else if (!strcmp(key, "vlan"))
		reader_number(r, v, "ports.vlan", SETTINGS_COUNT, 1, 4094, &p->vlan);
	else
		return false;
	return true;
}

static void
check_port(struct settings_reader *r, yaml_node_t *n, const struct settings_port *p)
{
	if (!*p->device)
		reader_error(r, n, "ports: device is missing");
	if (p->addresses.cnt == 0)
		reader_error(r, n, "ports: addresses are missing");
	for (size_t i = 0; i < p->addresses.cnt; i++) {
		struct addr_prefix prefix;

		if (!addr_parse_prefix(span_z(p->addresses.item[i]), true, &prefix))
			reader_error(r, n, "ports.addresses: \"%s\" is no address with a length",
			             p->addresses.item[i]);
	}
}

static bool
listen_field(struct settings_reader *r, const char *key, yaml_node_t *v, void *entry)
{
	struct settings_listen *l = entry;
	uint64_t port;

	if (!strcmp(key, "address")) {
		if (v->type != YAML_SCALAR_NODE || !span_is(reader_scalar(v), "any"))
			reader_address(r, v, "listen.address", &l->address);
	} else if (!strcmp(key, "backup_of")) {
		reader_address(r, v, "listen.backup_of", &l->backup_of);
	} else if (!strcmp(key, "port")) {
		if (reader_number(r, v, "listen.port", SETTINGS_COUNT, 1, 65535, &port))
			l->port = (uint16_t)port;
	} else
		return false;
	return true;
}

static const char *const feed_kinds[] = {
	"ip-list",         "domain-list",     "url-list",      "phrase-list",
	"phone-list",      "sender-list",     "drop-json",     "rbldnsd-ip4set",
	"rbldnsd-ip4trie", "rbldnsd-ip6trie", "rbldnsd-dnset", "rspamd-map",
};

/* False: text is all of them, for the message. */
static bool
is_feed_kind(const char *kind, char *text, size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(feed_kinds); i++) {
		if (!strcmp(feed_kinds[i], kind))
			return true;
		n += (size_t)snprintf(text + n, cap - n, "%s%s", i ? ", " : "", feed_kinds[i]);
		BUG_ON(n >= cap);
	}
	return false;
}

static bool
feed_field(struct settings_reader *r, const char *key, yaml_node_t *v, void *entry)
{
	struct settings_feed *f = entry;

	if (!strcmp(key, "name"))
		reader_text(r, v, "feeds.name", &f->name);
	else if (!strcmp(key, "kind"))
		reader_text(r, v, "feeds.kind", &f->kind);
	else if (!strcmp(key, "source"))
		reader_text(r, v, "feeds.source", &f->source);
	else if (!strcmp(key, "target"))
		reader_text(r, v, "feeds.target", &f->target);
	else if (!strcmp(key, "codes"))
		reader_text(r, v, "feeds.codes", &f->codes);
	else if (!strcmp(key, "bits"))
		reader_text(r, v, "feeds.bits", &f->bits);
	else if (!strcmp(key, "period"))
		reader_number(r, v, "feeds.period", SETTINGS_DURATION, 1000000,
		              30ull * 86400 * 1000000, &f->period_us);
	else
		return false;
	return true;
}

static void
check_feed(struct settings_reader *r, yaml_node_t *n, const struct settings_feed *f)
{
	struct zone_codes codes;
	char kinds[400];

	if (!*f->name || !*f->source)
		reader_error(r, n, "feeds: name and source are needed");
	if (!is_feed_kind(f->kind, kinds, sizeof(kinds)))
		reader_error(r, n, "feeds.kind: \"%s\" is none of %s", f->kind, kinds);
	if (!zone_codes_parse(span_z(f->codes), span_z(f->bits), &codes))
		reader_error(r, n,
		             "feeds.codes or feeds.bits: last octets like \"2, 4-7\", or powers of "
		             "two like \"8, 64\"; not both");
	if ((*f->codes || *f->bits) && strncmp(f->kind, "rbldnsd-", 8))
		reader_error(r, n, "feeds.codes, feeds.bits: only zones have return codes");
	if (strstr(f->source, "://"))
		reader_error(
		        r, n,
		        "feeds.source: \"%s\": feeds over a network are not there yet; name a file",
		        f->source);
}

static void
read_ports(struct settings_reader *r, yaml_node_t *n)
{
	struct settings_port *p;

	if (r->out->port_cnt == PORTS_MAX) {
		reader_error(r, n, "ports: at most %d", PORTS_MAX);
		return;
	}
	p = &r->out->ports[r->out->port_cnt++];
	p->device = "";
	read_map(r, "ports", n, port_field, p);
	check_port(r, n, p);
}

static void
read_listen(struct settings_reader *r, yaml_node_t *n)
{
	struct settings_listen *l;

	if (r->out->listen_cnt == LISTEN_MAX) {
		reader_error(r, n, "listen: at most %d", LISTEN_MAX);
		return;
	}
	l = &r->out->listen[r->out->listen_cnt++];
	*l = (struct settings_listen){ .port = 25 };
	read_map(r, "listen", n, listen_field, l);
}

static void
read_feed(struct settings_reader *r, yaml_node_t *n)
{
	struct settings_feed *f;

	if (r->out->feed_cnt == FEEDS_MAX) {
		reader_error(r, n, "feeds: at most %d", FEEDS_MAX);
		return;
	}
	f = &r->out->feeds[r->out->feed_cnt++];
	*f = (struct settings_feed){ "", "", "", "", 3600ull * 1000000, "", "" };
	read_map(r, "feeds", n, feed_field, f);
	check_feed(r, n, f);
}

void
settings_lists_read(struct settings_reader *r, const char *key, yaml_node_t *n)
{
	void (*entry)(struct settings_reader *, yaml_node_t *) = !strcmp(key, "ports") ? read_ports
	                                                         : !strcmp(key, "listen")
	                                                                 ? read_listen
	                                                                 : read_feed;

	if (n->type != YAML_SEQUENCE_NODE) {
		reader_error(r, n, "%s: wants a list", key);
		return;
	}
	if (entry == read_listen)
		r->out->listen_cnt = 0; /* the default goes */
	for (yaml_node_item_t *i = n->data.sequence.items.start; i < n->data.sequence.items.top;
	     i++)
		entry(r, reader_node(r, *i));
}
