/* SPDX-License-Identifier: Apache-2.0 */
#include "machine.h"
#include "x86.h"

/*
 * The machine's console: a 16550, polled; firmware's screen while there is one, and then its frame buffer. That is drawn by
 * the monitor, or a little with each piece of text where there is none: nobody is held up for a whole screen.
 */

#define SEND_SPINS 100000
#define LOG_TAIL (4 * KIB)

static u16 serial_port;
static struct text_sink *screen;
static enum log_kind speaker; /* whose output this is */
static struct spinlock lock;
/* Whether a line has been begun and not ended, and by whom: a partition's name, or NULL for typed commands. */
static bool begun;
static const char *writer;

static void serial_byte(u8 byte) {
	for (u32 i = 0; i < SEND_SPINS; i++) {
		u8 status = port_read8(serial_port + UART_LSR);

		if (status == LSR_ABSENT)
			return;
		if (status & LSR_HOLDING_EMPTY) {
			port_write8(serial_port + UART_DATA, byte);
			return;
		}
		cpu_pause();
	}
}

static void show(struct text_sink *sink, const char *bytes, size_t count) {
	(void)sink;
	for (size_t i = 0; serial_port && i < count; i++) {
		if (bytes[i] == '\n')
			serial_byte('\r');
		serial_byte((u8)bytes[i]);
	}
	if (screen)
		screen->put(screen, bytes, count);
	frame_put(&boot.frame, bytes, count);
	if (!machine.monitor)
		frame_draw(&boot.frame);
}

static void console_put(struct text_sink *sink, const char *bytes, size_t count) {
	if (boot.logs)
		log_put(&boot.logs[speaker], bytes, count);
	show(sink, bytes, count);
}

struct text_sink console = {.put = console_put};

/* Firmware's speed is kept: whoever reads has set the terminal for it. */
void console_init(u16 port) {
	serial_port = port;
	if (!port)
		return;
	port_write8(port + UART_IER, 0);
	port_write8(port + UART_IIR_FCR, FCR_ENABLE);
	port_write8(port + UART_LCR, LCR_8N1);
	port_write8(port + UART_MCR, MCR_DTR | MCR_RTS);
}

void console_set_screen(struct text_sink *sink) {
	screen = sink;
}

int console_read(void) {
	u8 status = serial_port ? port_read8(serial_port + UART_LSR) : LSR_ABSENT;

	return status != LSR_ABSENT && status & LSR_DATA_READY ? port_read8(serial_port + UART_DATA)
							       : -1;
}

static void end_line(void) {
	if (begun)
		text_print(&console, "\n");
	begun = false;
}

void say(const char *format, ...) {
	va_list arguments;

	va_start(arguments, format);
	spin_lock(&lock);
	end_line();
	text_print(&console, "bulkhead: ");
	text_print_list(&console, format, arguments);
	text_print(&console, "\n");
	spin_unlock(&lock);
	va_end(arguments);
}

void console_text(const char *name, const char *text, u32 length, bool end) {
	spin_lock(&lock);
	speaker = name ? LOG_PARTITIONS : LOG_OWN;
	if (!begun || writer != name) {
		end_line();
		text_print(&console, name ? "[%s] " : "bulkhead: > ", name);
	}
	text_print(&console, end ? "%.*s\n" : "%.*s", (int)length, text);
	speaker = LOG_OWN;
	begun = !end;
	writer = name;
	spin_unlock(&lock);
}

/* Nothing of it is said anew: that would push out what was said before. */
void console_log(struct partition *unused) {
	struct text_sink shown = {.put = show};

	(void)unused;
	spin_lock(&lock);
	end_line();
	for (u32 i = LOG_KINDS; boot.logs && i-- > 0;)
		log_show(&boot.logs[i], LOG_TAIL, "log", &shown);
	spin_unlock(&lock);
}

/* Takes no lock: the processor that fails may hold it. */
_Noreturn void panic(const char *format, ...) {
	va_list arguments;

	va_start(arguments, format);
	text_print(&console, "\nbulkhead: panic: ");
	text_print_list(&console, format, arguments);
	text_print(&console, "\n");
	va_end(arguments);
	frame_draw(&boot.frame);
	cpu_stop_forever();
}
