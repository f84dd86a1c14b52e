/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A 16550A as its data sheet tells, with a line that is always connected and infinitely fast: the
 * transmitter is empty again before the guest can look.
 */
#include "devices.h"
#include "text.h"

/* The last two stand in place of the first two while LCR_DLAB is set. */
enum uart_register { DATA, IER, IIR_FCR, LCR, MCR, LSR, MSR, SCRATCH, DIVISOR_LOW, DIVISOR_HIGH };

enum uart_ier { IER_RECEIVED = BIT(0), IER_TRANSMITTER_EMPTY = BIT(1), IER_WRITABLE = 0x0f };
/* By priority; line status and modem status never change here. */
#define IIR_RECEIVED 0x04
#define IIR_TRANSMITTER_EMPTY 0x02
#define IIR_NONE 0x01
#define IIR_FIFOS 0xc0
enum uart_fcr { FCR_ENABLE = BIT(0), FCR_CLEAR_RECEIVER = BIT(1) };
enum uart_lcr { LCR_DLAB = BIT(7) };
enum uart_mcr { MCR_DTR = BIT(0), MCR_RTS = BIT(1), MCR_OUT1_OUT2 = BITS(3, 2), MCR_LOOP = BIT(4) };
#define MCR_WRITABLE 0x1f
enum uart_lsr { LSR_DATA_READY = BIT(0), LSR_TRANSMITTER_EMPTY = BITS(6, 5) };
enum uart_msr { MSR_CTS = BIT(4), MSR_DSR = BIT(5), MSR_DCD = BIT(7) };
#define MSR_LOOP_SHIFT 4 /* in loopback OUT1 and OUT2 come back as RI and DCD */

static u8 interrupt_identity(const struct uart *uart) {
	/* As if the FIFO's trigger were always one byte. */
	if ((uart->interrupt_enable & IER_RECEIVED) && uart->input_count)
		return IIR_RECEIVED;
	if ((uart->interrupt_enable & IER_TRANSMITTER_EMPTY) && uart->transmit_pending)
		return IIR_TRANSMITTER_EMPTY;
	return IIR_NONE;
}

/*
 * The pin is off in loopback. That OUT2 gates it is a matter of the board, not of the part: guests
 * that forget OUT2 are served.
 */
static void update_line(struct uart *uart) {
	bool level = interrupt_identity(uart) != IIR_NONE && !(uart->modem_control & MCR_LOOP);

	if (level == uart->level)
		return;
	uart->level = level;
	uart->line(uart->context, level);
}

void uart_reset(struct uart *uart) {
	*uart = (struct uart){
		.output = uart->output,
		.line = uart->line,
		.context = uart->context,
		.level = uart->level,
		.divisor_low = 1, /* 115200 baud */
	};
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
	if (!(uart->modem_control & MCR_LOOP))
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
	if (uart->modem_control & MCR_LOOP)
		push_input(uart, byte);
	else
		uart->output(uart->context, byte);
	uart->transmit_pending = true;
}

/* Naming the transmitter as the cause is what quiets it. */
static u8 read_identity(struct uart *uart) {
	u8 identity = interrupt_identity(uart);

	if (identity == IIR_TRANSMITTER_EMPTY)
		uart->transmit_pending = false;
	return uart->fifo_control & FCR_ENABLE ? identity | IIR_FIFOS : identity;
}

static u8 modem_status(const struct uart *uart) {
	u8 outputs = uart->modem_control;

	if (!(outputs & MCR_LOOP))
		return MSR_CTS | MSR_DSR | MSR_DCD;
	return (u8)((outputs & MCR_OUT1_OUT2) << MSR_LOOP_SHIFT |
		    (outputs & MCR_RTS ? MSR_CTS : 0) | (outputs & MCR_DTR ? MSR_DSR : 0));
}

static u32 register_at(const struct uart *uart, u8 offset) {
	return offset <= IER && (uart->line_control & LCR_DLAB) ? DIVISOR_LOW + offset : offset;
}

u8 uart_read(struct uart *uart, u8 offset) {
	u8 value = 0xff;

	if (offset > SCRATCH)
		return value;
	switch ((enum uart_register)register_at(uart, offset)) {
	case DATA: value = read_data(uart); break;
	case IER: value = uart->interrupt_enable; break;
	case IIR_FCR: value = read_identity(uart); break;
	case LCR: value = uart->line_control; break;
	case MCR: value = uart->modem_control; break;
	case LSR: value = LSR_TRANSMITTER_EMPTY | (uart->input_count ? LSR_DATA_READY : 0); break;
	case MSR: value = modem_status(uart); break;
	case SCRATCH: value = uart->scratch; break;
	case DIVISOR_LOW: value = uart->divisor_low; break;
	case DIVISOR_HIGH: value = uart->divisor_high; break;
	}
	update_line(uart);
	return value;
}

static void write_interrupt_enable(struct uart *uart, u8 value) {
	/* Enabling it while the register is empty, which it always is, asks at once. */
	if (value & ~uart->interrupt_enable & IER_TRANSMITTER_EMPTY)
		uart->transmit_pending = true;
	uart->interrupt_enable = value & IER_WRITABLE;
}

static void write_fifo_control(struct uart *uart, u8 value) {
	/* The other bits mean something only beside the enabling one. */
	if (!(value & FCR_ENABLE))
		value = 0;
	if (((value ^ uart->fifo_control) & FCR_ENABLE) || (value & FCR_CLEAR_RECEIVER))
		uart->input_count = 0;
	uart->fifo_control = value;
}

void uart_write(struct uart *uart, u8 offset, u8 value) {
	if (offset > SCRATCH)
		return;
	switch ((enum uart_register)register_at(uart, offset)) {
	case DATA: write_data(uart, value); break;
	case IER: write_interrupt_enable(uart, value); break;
	case IIR_FCR: write_fifo_control(uart, value); break;
	case LCR: uart->line_control = value; break;
	case MCR: uart->modem_control = value & MCR_WRITABLE; break;
	case LSR:
	case MSR: break;
	case SCRATCH: uart->scratch = value; break;
	case DIVISOR_LOW: uart->divisor_low = value; break;
	case DIVISOR_HIGH: uart->divisor_high = value; break;
	}
	update_line(uart);
}
