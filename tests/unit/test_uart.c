/* SPDX-License-Identifier: Apache-2.0 */
/* The 16550 as drivers probe and use it: Linux's sequence of tests, FIFO, interrupt causes. */
#include "devices.h"
#include "text.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static char printed[256];
static u32 printed_count, edges;
static bool line_level;

void uart_output(struct uart *from, u8 byte) {
	(void)from;
	printed[printed_count++ % sizeof(printed)] = (char)byte;
}

void uart_line(struct uart *from, bool level) {
	(void)from;
	assert_int_not_equal(level, line_level);
	line_level = level;
	edges += level;
}

static struct uart uart;

static int fresh(void **unused) {
	(void)unused;
	uart = (struct uart){0};
	uart_reset(&uart);
	printed_count = edges = 0;
	line_level = false;
	return 0;
}

static void is_a_16550a_to_linux(void **unused) {
	(void)unused;
	/* Interrupt enable register holds four bits. */
	uart_write(&uart, 1, 0);
	assert_int_equal(uart_read(&uart, 1), 0);
	uart_write(&uart, 1, 0xff);
	assert_int_equal(uart_read(&uart, 1), 0x0f);
	uart_write(&uart, 1, 0);
	/* Loopback: RTS and OUT2 come back as CTS and DCD. */
	uart_write(&uart, 4, 0x1a);
	assert_int_equal(uart_read(&uart, 6) & 0xf0, 0x90);
	uart_write(&uart, 4, 0x08);
	/* FIFOs say so, and nothing of larger parts shows. */
	uart_write(&uart, 2, 0x01);
	assert_int_equal(uart_read(&uart, 2), 0xc1);
	uart_write(&uart, 3, 0x80);
	uart_write(&uart, 2, 0x21);
	assert_int_equal(uart_read(&uart, 2) >> 5, 6);
	uart_write(&uart, 0, 0x12);
	uart_write(&uart, 1, 0x34);
	assert_int_equal(uart_read(&uart, 0), 0x12);
	assert_int_equal(uart_read(&uart, 1), 0x34);
	uart_write(&uart, 3, 0x03);
	assert_int_equal(uart_read(&uart, 1), 0);
	uart_write(&uart, 2, 0);
	assert_int_equal(uart_read(&uart, 2), 0x01);
	uart_write(&uart, 7, 0x5a);
	assert_int_equal(uart_read(&uart, 7), 0x5a);
	assert_int_equal(printed_count, 0);
	assert_int_equal(uart_read(&uart, 6), 0xb0);
}

static void transmitter_empty_is_asserted_each_time_it_is_enabled(void **unused) {
	(void)unused;
	uart_write(&uart, 4, 0x08);
	for (u32 i = 0; i < 2; i++) {
		uart_write(&uart, 1, 0x02);
		assert_true(line_level);
		assert_int_equal(uart_read(&uart, 2) & 0x0f, 0x02);
		assert_false(line_level);
		assert_int_equal(uart_read(&uart, 2) & 0x0f, 0x01);
		uart_write(&uart, 1, 0);
	}
	assert_int_equal(edges, 2);
}

static void each_byte_written_is_one_more_edge(void **unused) {
	(void)unused;
	uart_write(&uart, 1, 0x02);
	assert_int_equal(edges, 1);
	uart_write(&uart, 0, 'a');
	uart_write(&uart, 0, 'b');
	assert_int_equal(edges, 3);
	assert_true(line_level);
	assert_int_equal(uart_read(&uart, 2) & 0x0f, 0x02);
	uart_write(&uart, 1, 0);
	assert_false(line_level);
	assert_int_equal(printed_count, 2);
	assert_memory_equal(printed, "ab", 2);
	assert_int_equal(uart_read(&uart, 5), 0x60);
}

static void input_waits_and_interrupts(void **unused) {
	(void)unused;
	uart_write(&uart, 2, 0xc1); /* trigger: 14 */
	uart_input(&uart, 'x');
	assert_false(line_level);
	assert_int_equal(uart_read(&uart, 5), 0x61);
	uart_write(&uart, 1, 0x03);
	assert_true(line_level);
	assert_int_equal(uart_read(&uart, 2), 0xc4);
	for (u32 i = 0; i < 100; i++)
		uart_input(&uart, (u8)i);
	assert_int_equal(uart_read(&uart, 2), 0xc4);
	assert_int_equal(uart_read(&uart, 0), 'x');
	for (u32 i = 0; i < 63; i++)
		assert_int_equal(uart_read(&uart, 0), i);
	assert_int_equal(uart_read(&uart, 5), 0x60);
	assert_int_equal(uart_read(&uart, 2), 0xc2);
	assert_int_equal(uart_read(&uart, 2), 0xc1);
	assert_false(line_level);
	uart_input(&uart, 'y');
	uart_write(&uart, 2, 0x03);
	assert_false(line_level);
	assert_int_equal(uart_read(&uart, 0), 0);
}

static void loopback_hears_itself_only(void **unused) {
	(void)unused;
	uart_write(&uart, 1, 0x01);
	uart_write(&uart, 4, 0x10);
	uart_input(&uart, 'n');
	uart_write(&uart, 0, 'q');
	assert_int_equal(printed_count, 0);
	assert_false(line_level);
	assert_int_equal(uart_read(&uart, 2) & 0x0f, 0x04);
	assert_int_equal(uart_read(&uart, 0), 'q');
	assert_int_equal(uart_read(&uart, 5), 0x60);
}

static void any_offset_is_harmless(void **unused) {
	(void)unused;
	assert_int_equal(uart_read(&uart, 8), 0xff);
	uart_write(&uart, 255, 1);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(is_a_16550a_to_linux, fresh),
		cmocka_unit_test_setup(transmitter_empty_is_asserted_each_time_it_is_enabled,
				       fresh),
		cmocka_unit_test_setup(each_byte_written_is_one_more_edge, fresh),
		cmocka_unit_test_setup(input_waits_and_interrupts, fresh),
		cmocka_unit_test_setup(loopback_hears_itself_only, fresh),
		cmocka_unit_test_setup(any_offset_is_harmless, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
