/* SPDX-License-Identifier: BSD-3-Clause
 * sim_node_cover.c - faults injected by stage, and pairs of states (of a mail, of its dialogue with the server) that were reached
 */
#include "dataplane/message_internal.h"
#include "dataplane/upstream/upstream_internal.h"
#include "tests/sim/sim.h"

/* States of a mail's request: none, waiting, opening, then enum smtp_stage. */
#define UP_STATES (3 + SMTP_STAGES)

static const char *const mail_names[] = {
	"envelope",     "rcpt-pending", "body",    "body-scan", "body-stream",
	"body-discard", "judge",        "deliver", "tail-scan",
};
static const char *const up_names[UP_STATES] = {
	"none", "waiting", "opening", "idle", "banner", "ehlo",  "helo", "xclient", "xforwd",
	"mail", "rcpt",    "data",    "body", "chunk",  "final", "rset", "quit",
};
static uint64_t reached[ARRAY_LEN(mail_names)][UP_STATES];

static unsigned
mail_state(const struct message *m)
{
	switch ((enum message_state)m->state) {
	case MSG_ENVELOPE:
		return m->pending ? 1 : 0;
	case MSG_BODY:
		return m->discard ? 5 : m->streaming ? 4 : m->scan != SCAN_NONE ? 3 : 2;
	case MSG_JUDGE:
		return 6;
	default:
		return m->scan == SCAN_TAIL_WAITING || m->scan == SCAN_TAIL_RUNNING ? 8 : 7;
	}
}

static unsigned
up_state(const struct message *m)
{
	if (m->req.state != REQ_GRANTED)
		return m->req.state;
	return 3 + (unsigned)smtp_client_stage(&m->req.conn->client);
}

void
sim_cover_turn(const struct sim *s)
{
	struct worker *w = s->worker;

	list_for_each_safe(it, tmp, &w->message_list)
	{
		const struct message *m = list_entry(it, struct message, all);

		reached[mail_state(m)][up_state(m)]++;
	}
}

static void
print_faults(void)
{
	printf("faults injected, stage x fault:\n%-9s", "");
	for (unsigned f = 1; f < SIM_FAULTS; f++)
		printf(" %11s", sim_fault_names[f]);
	for (unsigned st = 0; st < SIM_STAGES; st++) {
		printf("\n%-9s", sim_stage_names[st]);
		for (unsigned f = 1; f < SIM_FAULTS; f++)
			if (sim_fault_is_there((enum sim_stage)st, (enum sim_fault)f))
				printf(" %11llu", (unsigned long long)sim_struck[st][f]);
			else
				printf(" %11s", "-");
	}
	putchar('\n');
}

void
sim_cover_print(void)
{
	unsigned pairs = 0;

	print_faults();
	printf("turns in each pair of states, mail x dialogue with its server:\n%-13s", "");
	for (unsigned u = 0; u < UP_STATES; u++)
		printf(" %8s", up_names[u]);
	for (unsigned m = 0; m < ARRAY_LEN(mail_names); m++) {
		printf("\n%-13s", mail_names[m]);
		for (unsigned u = 0; u < UP_STATES; u++) {
			printf(" %8llu", (unsigned long long)reached[m][u]);
			pairs += reached[m][u] > 0;
		}
	}
	printf("\n%u pairs of states reached\n", pairs);
}

unsigned
sim_cover_missing(void)
{
	unsigned missing = 0;

	for (unsigned st = 0; st < SIM_STAGES; st++)
		for (unsigned f = 1; f < SIM_FAULTS; f++)
			if (sim_fault_is_there((enum sim_stage)st, (enum sim_fault)f) &&
			    sim_struck[st][f] == 0) {
				printf("never injected: %s at %s\n", sim_fault_names[f],
				       sim_stage_names[st]);
				missing++;
			}
	return missing;
}
