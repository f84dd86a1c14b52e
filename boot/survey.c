/* SPDX-License-Identifier: Apache-2.0 */
#include "survey.h"
#include "firmware.h"
#include "machine.h"
#include "version.h"

#define TEXT_FIRST (64 * KIB)
#define TEXT_LAST (64 * MIB)

/* The survey, or without FACTS the draft; NULL: firmware has no memory for it. */
static char *print(const struct survey_facts *facts) {
	for (u64 bytes = TEXT_FIRST; bytes <= TEXT_LAST; bytes *= 4) {
		char *text = firmware_allocate(bytes, UINT64_MAX);
		if (!text)
			break;
		struct text_buffer buffer = text_buffer(text, bytes);

		if (facts) {
			text_print(&buffer.sink, "bulkhead: version %s\n", BULKHEAD_VERSION);
			survey_print(&boot.inventory, facts, true, &buffer.sink);
		} else {
			draft_print(&boot.inventory, NULL, &buffer.sink);
		}
		if (!buffer.truncated)
			return text;
	}
	return NULL;
}

static void keep(const char *name, const char *text) {
	const char *fault = text ? file_replace(name, text) : "firmware has no memory for it";

	say("survey: %s %s%s", name, fault ? "is not written: " : "lies beside the image",
	    fault ? fault : "");
}

void survey_run(const struct survey_facts *facts) {
	const char *survey = print(facts);

	keep("survey.txt", survey);
	keep("draft.conf", print(NULL));
	if (survey)
		screen_page(survey);
}
