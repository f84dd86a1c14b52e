/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A 16550A as its data sheet tells, with a line that is always connected and infinitely fast: the
 * transmitter is empty again before the guest can look.
 */
#include "devices.h"
#include "text.h"

/* Bits that read back as they were written. */
static const u8 writable[UART_REGISTERS] = {
	[UART_IER] = 0x0f,     [UART_LCR] = 0xff,         [UART_MCR] = 0x1f,
	[UART_SCRATCH] = 0xff, [UART_DIVISOR_LOW] = 0xff, [UART_DIVISOR_HIGH] = 0xff,
};

static bool in_loopback(const struct uart *uart) {
	return uart->registers[UART_MCR] & MCR_LOOP;
}

static u8 interrupt_identity(const struct uart *uart) {
	/* As if the FIFO's trigger were always one byte. */
	if ((uart->registers[UART_IER] & IER_RECEIVED) && uart->input_count)
		return IIR_RECEIVED;
	if ((uart->registers[UART_IER] & IER_TRANSMITTER_EMPTY) && uart->transmit_pending)
		return IIR_TRANSMITTER_EMPTY;
	return IIR_NONE;
}

/*
 * The pin is off in loopback. That OUT2 gates it is a matter of the board, not of the part: guests
 * that forget OUT2 are served.
 */
static void update_line(struct uart *uart) {
	bool level = interrupt_identity(uart) != IIR_NONE && !in_loopback(uart);

	if (level == uart->level)
		return;
	uart->level = level;
	uart_line(uart, level);
}

void uart_reset(struct uart *uart) {
	*uart = (struct uart){.registers[UART_DIVISOR_LOW] = 1 /* 115200 baud */,
			      .level = uart->level};
	update_line(uart);
}

static void push_input(struct uart *uart, u8 byte) {
	if (uart->input_count == ARRAY_SIZE(uart->input))
		return;
	uart->input[(uart->input_head + uart->input_count) % ARRAY_SIZE(uart->input)] = byte;
	uart->input_count++;
}

void uart_input(struct uart *uart, u8 byte) {
	/* In loopback the receiver hears the transmitter only. */
	if (!in_loopback(uart))
		push_input(uart, byte);
	update_line(uart);
}

static u8 read_data(struct uart *uart) {
	u8 byte = uart->input[uart->input_head];

	if (uart->input_count == 0)
		return 0;
	uart->input_head = (uart->input_head + 1) % ARRAY_SIZE(uart->input);
	uart->input_count--;
	return byte;
}

static void write_data(struct uart *uart, u8 byte) {
	/* The register is full for an instant: one more edge when it is empty again. */
	uart->transmit_pending = false;
	update_line(uart);
	if (in_loopback(uart))
		push_input(uart, byte);
	else
		uart_output(uart, byte);
	uart->transmit_pending = true;
}

/* Naming the transmitter as the cause is what quiets it. */
static u8 read_identity(struct uart *uart) {
	u8 identity = interrupt_identity(uart);

	if (identity == IIR_TRANSMITTER_EMPTY)
		uart->transmit_pending = false;
	return uart->registers[UART_IIR_FCR] & FCR_ENABLE ? identity | IIR_FIFOS : identity;
}

static u8 modem_status(const struct uart *uart) {
	u8 outputs = uart->registers[UART_MCR];

	if (!in_loopback(uart))
		return MSR_CTS | MSR_DSR | MSR_DCD;
	return (u8)((outputs & MCR_OUT1_OUT2) << MSR_LOOP_SHIFT |
		    (outputs & MCR_RTS ? MSR_CTS : 0) | (outputs & MCR_DTR ? MSR_DSR : 0));
}

static u32 register_at(const struct uart *uart, u8 offset) {
	return offset <= UART_IER && (uart->registers[UART_LCR] & LCR_DLAB)
		       ? UART_DIVISOR_LOW + offset
		       : offset;
}

u8 uart_read(struct uart *uart, u8 offset) {
	u32 at = register_at(uart, offset);
	u8 value;

	if (offset > UART_SCRATCH)
		return 0xff;
	switch (at) {
	case UART_DATA: value = read_data(uart); break;
	case UART_IIR_FCR: value = read_identity(uart); break;
	case UART_LSR:
		value = LSR_TRANSMITTER_EMPTY | (uart->input_count ? LSR_DATA_READY : 0);
		break;
	case UART_MSR: value = modem_status(uart); break;
	default: value = uart->registers[at];
	}
	update_line(uart);
	return value;
}

static void write_fifo_control(struct uart *uart, u8 value) {
	/* The other bits mean something only beside the enabling one. */
	if (!(value & FCR_ENABLE))
		value = 0;
	if (((value ^ uart->registers[UART_IIR_FCR]) & FCR_ENABLE) || (value & FCR_CLEAR_RECEIVER))
		uart->input_count = 0;
	uart->registers[UART_IIR_FCR] = value;
}

void uart_write(struct uart *uart, u8 offset, u8 value) {
	u32 at = register_at(uart, offset);

	if (offset > UART_SCRATCH)
		return;
	/* Enabling it while the register is empty, which it always is, asks at once. */
	if (at == UART_IER && value & ~uart->registers[UART_IER] & IER_TRANSMITTER_EMPTY)
		uart->transmit_pending = true;
	if (at == UART_DATA)
		write_data(uart, value);
	else if (at == UART_IIR_FCR)
		write_fifo_control(uart, value);
	else
		uart->registers[at] = value & writable[at];
	update_line(uart);
}
