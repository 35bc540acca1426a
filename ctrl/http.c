/* SPDX-License-Identifier: BSD-3-Clause
 * http.c - /metrics, /healthz, /readyz by libmicrohttpd, read-only
 */
#include "ctrl/ctrl_internal.h"
#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define CONNECTIONS_MAX 64

static enum MHD_Result
reply(struct MHD_Connection *conn, unsigned status, const char *type, char *text, size_t len)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(len, text, MHD_RESPMEM_MUST_FREE);
	enum MHD_Result ret;

	if (!r) {
		free(text);
		return MHD_NO;
	}
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	ret = MHD_queue_response(conn, status, r);
	MHD_destroy_response(r);
	return ret;
}

static enum MHD_Result
reply_text(struct MHD_Connection *conn, unsigned status, const char *text)
{
	char *copy = strdup(text);

	return copy ? reply(conn, status, "text/plain; charset=utf-8", copy, strlen(copy)) : MHD_NO;
}

static enum MHD_Result
metrics(struct ctrl *c, struct MHD_Connection *conn)
{
	const char *accept =
	        MHD_lookup_connection_value(conn, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
	/* Who asks for the older format and not for the newer gets it. */
	bool is_open = !accept || !strstr(accept, "text/plain") ||
	               strstr(accept, "application/openmetrics-text");
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return MHD_NO;
	metrics_print(c, f, is_open);
	fclose(f);
	return reply(conn, MHD_HTTP_OK,
	             is_open ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
	                     : "text/plain; version=0.0.4; charset=utf-8",
	             text, len);
}

static enum MHD_Result
handle(void *arg, struct MHD_Connection *conn, const char *url, const char *method,
       const char *version, const char *body, size_t *body_len, void **state)
{
	struct ctrl *c = arg;

	(void)version;
	(void)body;
	(void)body_len;
	(void)state;
	if (strcmp(method, "GET") && strcmp(method, "HEAD"))
		return reply_text(conn, MHD_HTTP_METHOD_NOT_ALLOWED, "GET only\n");
	if (!strcmp(url, "/metrics"))
		return metrics(c, conn);
	if (!strcmp(url, "/healthz"))
		return reply_text(conn, MHD_HTTP_OK, "ok\n");
	if (!strcmp(url, "/readyz"))
		return __atomic_load_n(&c->is_draining, __ATOMIC_RELAXED)
		               ? reply_text(conn, MHD_HTTP_SERVICE_UNAVAILABLE, "draining\n")
		               : reply_text(conn, MHD_HTTP_OK, "ready\n");
	if (!strcmp(url, "/"))
		return reply_text(conn, MHD_HTTP_NOT_FOUND, "the NOC page is not there yet\n");
	if (!strncmp(url, "/api", 4))
		return reply_text(conn, MHD_HTTP_NOT_FOUND, "the JSON API is not there yet\n");
	return reply_text(conn, MHD_HTTP_NOT_FOUND, "not found\n");
}

/* "127.0.0.1:8025", "[::1]:8025" */
static bool
parse_listen(const char *text, struct sockaddr_storage *out)
{
	const char *colon = strrchr(text, ':');
	struct span host = span(text, colon ? (size_t)(colon - text) : 0);
	char *end;
	unsigned long port = colon ? strtoul(colon + 1, &end, 10) : 0;
	struct addr a;

	if (host.len > 2 && host.p[0] == '[' && host.p[host.len - 1] == ']')
		host = span(host.p + 1, host.len - 2);
	if (port < 1 || port > 65535 || *end || !addr_parse(host, &a))
		return false;
	memset(out, 0, sizeof(*out));
	if (addr_is_v4(&a)) {
		struct sockaddr_in *in = (struct sockaddr_in *)(void *)out;

		in->sin_family = AF_INET;
		in->sin_port = htons((uint16_t)port);
		memcpy(&in->sin_addr, a.b + 12, 4);
	} else {
		struct sockaddr_in6 *in = (struct sockaddr_in6 *)(void *)out;

		in->sin6_family = AF_INET6;
		in->sin6_port = htons((uint16_t)port);
		memcpy(&in->sin6_addr, a.b, 16);
	}
	return true;
}

int
http_start(struct ctrl *c)
{
	const char *listen = c->settings->http_listen;
	struct sockaddr_storage a;
	unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL;

	if (!*listen || !strcmp(listen, "off"))
		return 0;
	if (!parse_listen(listen, &a)) {
		fprintf(stderr, "weir: http.listen: \"%s\" is no address and port\n", listen);
		return -EINVAL;
	}
	if (a.ss_family == AF_INET6)
		flags |= MHD_USE_IPv6;
	c->http = MHD_start_daemon(flags, 0, NULL, NULL, handle, c, MHD_OPTION_SOCK_ADDR, &a,
	                           MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
	                           MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)30, MHD_OPTION_END);
	if (c->http)
		return 0;
	fprintf(stderr, "weir: http.listen: %s: %s\n", listen, strerror(errno));
	return errno ? -errno : -EIO;
}

void
http_stop(struct ctrl *c)
{
	if (c->http)
		MHD_stop_daemon(c->http);
	c->http = NULL;
}
