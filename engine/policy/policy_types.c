/* SPDX-License-Identifier: BSD-3-Clause
 * policy_types.c - words of filters and actions
 */
#include "engine/policy/policy_types.h"

static const char *const filter_words[] = {
#define FILTER(name, word) word,
	POLICY_FILTERS(FILTER)
#undef FILTER
};

static const char *const action_words[] = {
#define ACTION(name, word) word,
	POLICY_ACTIONS(ACTION)
#undef ACTION
};

const char *
policy_filter_name(enum policy_filter f)
{
	return filter_words[f];
}

const char *
policy_action_name(enum policy_action a)
{
	return action_words[a];
}

static bool
find_word(const char *const *words, size_t cnt, struct span word, unsigned *out)
{
	for (size_t i = 0; i < cnt; i++) {
		if (!span_is(word, words[i]))
			continue;
		*out = (unsigned)i;
		return true;
	}
	return false;
}

bool
policy_filter_parse(struct span word, enum policy_filter *out)
{
	unsigned i;

	if (!find_word(filter_words, ARRAY_LEN(filter_words), word, &i))
		return false;
	*out = (enum policy_filter)i;
	return true;
}

bool
policy_action_parse(struct span word, enum policy_action *out)
{
	unsigned i;

	if (!find_word(action_words, ARRAY_LEN(action_words), word, &i))
		return false;
	*out = (enum policy_action)i;
	return true;
}
