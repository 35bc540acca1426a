/* SPDX-License-Identifier: BSD-3-Clause
 * fault.c - names of stages, and the switch
 */
#include "engine/fault.h"

static const char *const names[ENGINE_STAGES] = {
#define STAGE(id, name, word) [ENGINE_STAGE_##id] = word,
#include "engine/stages.def"
#undef STAGE
};

const char *
engine_stage_name(enum engine_stage s)
{
	return names[s];
}

#ifdef WEIR_FAULTS
uint32_t fault_mask;

static uint32_t
bits_of(struct span word)
{
	if (span_is(word, "all"))
		return (1u << ENGINE_STAGES) - 1;
	for (unsigned s = 0; s < ENGINE_STAGES; s++)
		if (span_is(word, names[s]))
			return 1u << s;
	fprintf(stderr, "WEIR_FAULT: there is no stage \"%.*s\"\n", (int)word.len, word.p);
	exit(2);
}

void
fault_read_environment(void)
{
	const char *text = getenv("WEIR_FAULT");

	while (text && *text) {
		size_t n = strcspn(text, ",");

		fault_mask |= bits_of(span(text, n));
		text += n + (text[n] == ',');
	}
}
#endif
