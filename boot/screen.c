/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware.h"
#include "machine.h"

/*
 * Firmware's own console may copy its output to a serial port, wrapped and with escape sequences.
 * Ours writes the serial port itself, so here text goes only to consoles that are no UART.
 */
#define SCREENS_MAX 4
#define COLUMNS 80 /* of a screen that does not tell */
#define ROWS 25
#define MORE "-- more: any key --"
#define WIPE "\r                   \r"
_Static_assert(sizeof(WIPE) == sizeof(MORE) + 2, "nothing of it remains");
#define POLL_MICROSECONDS 50000
#define PATIENCE_FIRST 400 /* polls: 20 s, since nobody may be there */
#define PATIENCE_LATER 12000 /* 10 min, since somebody is */

static SIMPLE_TEXT_OUTPUT_INTERFACE *screens[SCREENS_MAX];
static u32 screen_count;

/* Or the splitter, which has no path and copies to all others. */
static bool is_serial(EFI_HANDLE handle) {
	EFI_DEVICE_PATH *path = firmware_protocol(handle, (EFI_GUID)EFI_DEVICE_PATH_PROTOCOL_GUID);

	return !path || device_path_find(path, MESSAGING_DEVICE_PATH, MSG_UART_DP);
}

static void screen_put(struct text_sink *sink, const char *bytes, size_t count) {
	CHAR16 wide[128];

	(void)sink;
	while (count) {
		u32 length = 0;

		while (count && length < ARRAY_SIZE(wide) - 3) {
			if (*bytes == '\n')
				wide[length++] = '\r';
			wide[length++] = (u8)*bytes++;
			count--;
		}
		wide[length] = 0;
		for (u32 i = 0; i < screen_count; i++)
			screens[i]->OutputString(screens[i], wide);
	}
}

static struct text_sink screen_sink = {.put = screen_put};

/* Waits for a key; nobody who does not press one is waited for again. */
static void wait_for_key(u32 *patience) {
	SIMPLE_INPUT_INTERFACE *in = firmware.system->ConIn;
	EFI_INPUT_KEY key;

	if (!in || !*patience)
		return;
	screen_put(&screen_sink, MORE, strlen(MORE));
	while (*patience && EFI_ERROR(in->ReadKeyStroke(in, &key))) {
		firmware.services->Stall(POLL_MICROSECONDS);
		--*patience;
	}
	*patience = *patience ? PATIENCE_LATER : 0;
	screen_put(&screen_sink, WIPE, strlen(WIPE));
}

void screen_page(const char *text) {
	UINTN columns = COLUMNS, rows = ROWS, row = 0;
	u32 patience = screen_count ? PATIENCE_FIRST : 0;

	console_set_screen(NULL);
	console.put(&console, text, strlen(text));
	console_set_screen(&screen_sink);
	if (screen_count)
		screens[0]->QueryMode(screens[0], (UINTN)screens[0]->Mode->Mode, &columns, &rows);
	columns = max_u64(columns, 1); /* some say 0 for a mode that they do not have */
	for (const char *end; *text; text = end) {
		UINTN height;

		for (end = text; *end && *end++ != '\n';)
			;
		height = (UINTN)(end - text) / columns + 1;
		if (row + height >= rows) {
			wait_for_key(&patience);
			row = 0;
		}
		screen_put(&screen_sink, text, (size_t)(end - text));
		row += height;
	}
	wait_for_key(&patience);
}

static void add_screen(EFI_HANDLE handle) {
	if (screen_count == SCREENS_MAX)
		return;
	screens[screen_count] = firmware_protocol(handle, (EFI_GUID)SIMPLE_TEXT_OUTPUT_PROTOCOL);
	screen_count += screens[screen_count] && !is_serial(handle);
}

/* The first one whose pixels are memory, which is still there without firmware: nobody else's, whatever the map says. */
static void add_frame(EFI_HANDLE handle) {
	EFI_GUID guid = EFI_GRAPHICS_OUTPUT_PROTOCOL_GUID;
	const EFI_GRAPHICS_OUTPUT_PROTOCOL *output = firmware_protocol(handle, guid);
	const EFI_GRAPHICS_OUTPUT_PROTOCOL_MODE *mode = output ? output->Mode : NULL;

	if (mode && !boot.frame.rows &&
	    mode->Info->PixelFormat <= PixelBlueGreenRedReserved8BitPerColor &&
	    frame_init(&boot.frame, mode->FrameBufferBase, mode->FrameBufferSize,
		       mode->Info->HorizontalResolution, mode->Info->VerticalResolution,
		       mode->Info->PixelsPerScanLine))
		firmware_allocate_at(mode->FrameBufferBase, mode->FrameBufferSize);
}

void screen_start(void) {
	firmware_each((EFI_GUID)SIMPLE_TEXT_OUTPUT_PROTOCOL, add_screen);
	firmware_each((EFI_GUID)EFI_GRAPHICS_OUTPUT_PROTOCOL_GUID, add_frame);
	console_set_screen(&screen_sink);
}

void screen_stop(void) {
	console_set_screen(NULL);
	screen_count = 0;
}
