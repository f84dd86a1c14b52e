/* SPDX-License-Identifier: Apache-2.0 */
#include "runner.h"
#include "version.h"

#define REPORT "\\report.txt"
#define STATE "\\state.txt"
#define TEXT_BYTES (512 * KIB)
#define LINE_BYTES 256
#define FIVE_SECONDS 5000000

EFI_HANDLE self, volume;
EFI_SYSTEM_TABLE *system;
EFI_BOOT_SERVICES *services;
EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

/* What the stick knows of itself when it is started again. */
static struct state {
	u32 step; /* the next one, or the one that was begun */
	u32 begun;
	u32 passed, failed, skipped;
} state;

void say(const char *format, ...) {
	struct text_buffer line = TEXT_BUFFER(LINE_BYTES);
	CHAR16 wide[LINE_BYTES + 16];
	u32 length = 0;
	va_list arguments;

	text_print(&line.sink, "hardware test: ");
	va_start(arguments, format);
	text_print_list(&line.sink, format, arguments);
	va_end(arguments);
	text_print(&line.sink, "\r\n");
	for (; line.data[length]; length++)
		wide[length] = (u8)line.data[length];
	wide[length] = 0;
	system->ConOut->OutputString(system->ConOut, wide);
}

void *memory_take(u64 bytes) {
	void *memory;

	if (EFI_ERROR(services->AllocatePool(EfiLoaderData, bytes, &memory))) {
		say("firmware has no memory");
		power_off();
	}
	return memset(memory, 0, bytes);
}

struct text_buffer *text_take(u64 bytes) {
	struct text_buffer *buffer = memory_take(sizeof(*buffer));

	*buffer = text_buffer(memory_take(bytes), bytes);
	return buffer;
}

/* Five numbers; whatever else is there begins a new test. */
static bool state_read(void) {
	const char *text = file_read(STATE);
	u32 *const fields[] = {&state.step, &state.begun, &state.passed, &state.failed,
			       &state.skipped};

	for (u32 i = 0; text && i < ARRAY_SIZE(fields); i++) {
		if (*text < '0' || *text > '9')
			text = NULL;
		for (; text && *text >= '0' && *text <= '9'; text++)
			*fields[i] = *fields[i] * 10 + (u32)(*text - '0');
		text += text && *text == ' ';
	}
	if (!text || state.step > STEPS || state.begun > 1)
		state = (struct state){0};
	return text != NULL;
}

static void state_write(void) {
	char text[LINE_BYTES];

	text_format(text, sizeof(text), "%u %u %u %u %u\n", state.step, state.begun, state.passed,
		    state.failed, state.skipped);
	if (file_write(STATE, text))
		return;
	/* Without it the same step would come again and again. */
	say("this stick cannot be written: is there a switch on it?");
	power_off();
}

static void report(const char *text) {
	if (!file_append(REPORT, text))
		say("report.txt cannot be written");
}

enum outcome { PASSED, FAILED, SKIPPED };

/* The step is over: one line, and what is known of it. */
static void conclude(enum outcome outcome, const char *words, u32 words_length, const char *log) {
	static const char *const names[] = {"passed", "failed", "skipped"};
	struct text_buffer *text = text_take(TEXT_BYTES);

	text_print(&text->sink, "step %s: %s%s%.*s\n", step_names[state.step], names[outcome],
		   words_length ? ": " : "", (int)words_length, words);
	say("step %s: %s", step_names[state.step], names[outcome]);
	text_print(&text->sink, "%s\n", log);
	report(text->data);
	state.passed += outcome == PASSED;
	state.failed += outcome == FAILED;
	state.skipped += outcome == SKIPPED;
	state.step++;
	state.begun = 0;
	state_write();
}

static u32 first_line(const char *text) {
	u32 length = 0;

	while (text[length] && text[length] != '\n')
		length++;
	return length;
}

static void fail(const char *words, const char *log) {
	conclude(FAILED, words, (u32)strlen(words), log);
}

/* After a reset. */
static void judge(void) {
	struct text_buffer *log = text_take(TEXT_BYTES), *words = text_take(LINE_BYTES);
	struct plan plan = step_plan((enum step)state.step);
	const char *missing;

	logs_read(&log->sink);
	missing = lines_missing(plan.expected->data, log->data);
	if (!log->length) {
		fail("did not come back by itself, or this machine clears its memory at a reset",
		     "");
	} else if (state.step == STEP_SURVEY) {
		fail("the image did not come back from its survey", log->data);
	} else if (missing) {
		text_print(&words->sink, "no line \"%.*s\"", (int)first_line(missing), missing);
		fail(words->data, log->data);
	} else {
		conclude(PASSED, "", 0, log->data);
	}
}

/* What the image says is kept; it comes back from a survey, and else when it refuses. */
static void run_image(bool survey) {
	struct text_buffer *text = text_take(TEXT_BYTES);
	EFI_STATUS status;

	capture_begin(&text->sink);
	status = image_start(survey ? L"survey" : NULL);
	capture_end();
	if (!survey)
		fail("the image gave the machine back: it says why", text->data);
	else if (EFI_ERROR(status) || !file_read(FOLDER "survey.txt"))
		fail("the image does not start, or wrote no survey.txt", text->data);
	else
		conclude(PASSED, "", 0, text->data);
}

static void run(const struct plan *plan) {
	struct text_buffer *nothing = text_take(TEXT_BYTES);

	state.begun = 1;
	state_write();
	logs_read(&nothing->sink); /* of whatever ran before */
	boot_again();
	if (state.step == STEP_SURVEY) {
		run_image(true);
	} else if (state.step == STEP_RESET) {
		if (logs_mark(RESET_MARK))
			reset();
		fail("firmware has no free memory where the image keeps its log", "");
	} else if (!file_write(FOLDER "bulkhead.conf", plan->file->data)) {
		fail("the stick is full", "");
	} else {
		run_image(false);
	}
}

static void begin_report(void) {
	struct text_buffer *text = text_take(TEXT_BYTES);

	text_print(&text->sink, "Bulkhead %s on real hardware: report\n\n", BULKHEAD_VERSION);
	processor_dump(&text->sink);
	text_print(&text->sink, "\n");
	if (!file_write(REPORT, text->data))
		say("report.txt cannot be written");
	state_write();
}

static _Noreturn void end(void) {
	char text[LINE_BYTES];

	text_format(text, sizeof(text), "%u passed, %u failed, %u skipped", state.passed,
		    state.failed, state.skipped);
	say("%s: see report.txt on this stick. The machine switches itself off.", text);
	services->Stall(FIVE_SECONDS);
	power_off();
}

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table) {
	EFI_GUID guid = LOADED_IMAGE_PROTOCOL;
	EFI_LOADED_IMAGE *loaded;

	self = image;
	system = table;
	services = table->BootServices;
	if (EFI_ERROR(services->HandleProtocol(image, &guid, (void **)&loaded)))
		return EFI_UNSUPPORTED;
	volume = loaded->DeviceHandle;
	services->SetWatchdogTimer(0, 0, 0, NULL);
	if (!state_read())
		begin_report();
	if (state.step == STEPS)
		end(); /* it was started again by mistake: remove state.txt for another test */
	if (state.begun)
		judge();
	while (state.step < STEPS) {
		struct plan plan = step_plan((enum step)state.step);

		say("step %u of %u: %s", state.step + 1, STEPS, step_names[state.step]);
		if (plan.skip)
			conclude(SKIPPED, plan.skip, (u32)strlen(plan.skip), "");
		else
			run(&plan);
	}
	struct text_buffer sums = TEXT_BUFFER(LINE_BYTES);

	text_print(&sums.sink, "%u passed, %u failed, %u skipped\n", state.passed, state.failed,
		   state.skipped);
	report(sums.data);
	end();
}
