/* SPDX-License-Identifier: BSD-3-Clause
 * scan_facts.c - one mail to what training and evaluation want of it
 */
#include "engine/scan_internal.h"
#include <time.h>

/* "… ; Thu, 22 Aug 2002 18:26:25 +0700 (ICT)" (RFC 5322 3.3): seconds since 1970; 0 when not understood. */
static int64_t
date_of(const char *field)
{
	static const char months[] = "janfebmaraprmayjunjulaugsepoctnovdec";
	const char *p = strrchr(field, ';');
	char month[4], sign = '+';
	int zone = 0, year;
	struct tm tm = { 0 };
	const char *m;

	if (!p)
		return 0;
	p++;
	while (*p && (*p < '0' || *p > '9'))
		p++;
	if (sscanf(p, "%d %3s %d %d:%d:%d %c%d", &tm.tm_mday, month, &year, &tm.tm_hour, &tm.tm_min,
	           &tm.tm_sec, &sign, &zone) < 5)
		return 0;
	for (size_t i = 0; month[i]; i++)
		month[i] = ascii_lower(month[i]);
	m = strstr(months, month);
	if (!m || strlen(month) != 3 || zone < 0 || zone > 1400)
		return 0;
	tm.tm_mon = (int)(m - months) / 3;
	tm.tm_year = year < 100 ? (year < 70 ? year + 100 : year) : year - 1900;
	zone = (zone / 100 * 60 + zone % 100) * 60;
	return (int64_t)timegm(&tm) - (sign == '-' ? -zone : zone);
}

enum scan_outcome
scan_facts(struct scanner *x, const char *path, struct scan_facts *out)
{
	struct engine_client client = { 0 };
	struct engine_mail m = { x->s, &client, span("", 0), 0, false };
	struct engine_verdict v;
	struct engine_job *j;
	char *bytes = scan_read_file(path, &m.size);

	if (!bytes)
		return SCAN_ERROR;
	j = engine_job_begin(x->w, &m);
	BUG_ON(!j);
	scan_run(j, span(bytes, m.size));
	engine_decide(j, span_z("scan"), span_z(SCAN_DOMAIN), &v);
	*out = (struct scan_facts){ .vector = &j->model_vector,
		                    .has_model = j->has_model,
		                    .logodds = j->model_logodds,
		                    .score_milli = j->score_milli,
		                    .filter = v.filter,
		                    .received_s = date_of(j->received_at) };
	engine_job_put(j); /* the slot keeps its vector until its next job begins */
	free(bytes);
	return v.action == ACTION_DELIVER ? SCAN_DELIVER : SCAN_OTHER;
}
