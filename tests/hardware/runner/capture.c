/* SPDX-License-Identifier: Apache-2.0 */
#include "runner.h"

/*
 * A screen of our own, which keeps what the image says while firmware is alive; and a keyboard on which
 * somebody presses a key whenever the image waits for one.
 */

static struct text_sink *keeper;

static EFI_STATUS EFIAPI output(SIMPLE_TEXT_OUTPUT_INTERFACE *screen, CHAR16 *text) {
	(void)screen;
	for (char c = 0; *text; text++) {
		c = *text < 0x80 ? (char)*text : '?';
		if (keeper && c != '\r')
			keeper->put(keeper, &c, 1);
	}
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI query_mode(SIMPLE_TEXT_OUTPUT_INTERFACE *screen, UINTN mode,
				    UINTN *columns, UINTN *rows) {
	(void)screen;
	(void)mode;
	*columns = 80;
	*rows = 25;
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI read_key(SIMPLE_INPUT_INTERFACE *keyboard, EFI_INPUT_KEY *key) {
	(void)keyboard;
	*key = (EFI_INPUT_KEY){.UnicodeChar = ' '};
	return EFI_SUCCESS;
}

static SIMPLE_TEXT_OUTPUT_MODE mode;
static SIMPLE_TEXT_OUTPUT_INTERFACE screen = {
	.OutputString = output, .QueryMode = query_mode, .Mode = &mode};
static SIMPLE_INPUT_INTERFACE keyboard = {.ReadKeyStroke = read_key};

/* A device path tells the image that this is no copy of other screens: a vendor's, of no other meaning. */
static struct {
	VENDOR_DEVICE_PATH vendor;
	EFI_DEVICE_PATH end;
} path = {
	.vendor.Header = {HARDWARE_DEVICE_PATH, HW_VENDOR_DP, {sizeof(VENDOR_DEVICE_PATH), 0}},
	.vendor.Guid = {0x6a1c8fd2,
			0x2f4b,
			0x4e0e,
			{0x9d, 0x35, 0x52, 0xb4, 0x1e, 0x77, 0xc0, 0x09}},
	.end = {END_DEVICE_PATH_TYPE, END_ENTIRE_DEVICE_PATH_SUBTYPE, {sizeof(EFI_DEVICE_PATH), 0}},
};

void capture_begin(struct text_sink *sink) {
	static EFI_HANDLE handle;
	EFI_GUID output_guid = SIMPLE_TEXT_OUTPUT_PROTOCOL, path_guid = DEVICE_PATH_PROTOCOL;

	keeper = sink;
	if (!handle && !EFI_ERROR(services->InstallProtocolInterface(&handle, &path_guid,
								     EFI_NATIVE_INTERFACE, &path)))
		services->InstallProtocolInterface(&handle, &output_guid, EFI_NATIVE_INTERFACE,
						   &screen);
	system->ConIn = &keyboard;
}

void capture_end(void) {
	keeper = NULL;
}
