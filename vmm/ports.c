/* SPDX-License-Identifier: Apache-2.0 */
#include "machine.h"

/* What a guest finds at its I/O ports. Every other port reads as all ones and ignores writes. */

#define UART_PORTS 8
#define CONFIG_PORT_FIRST 0xcf8
#define CONFIG_PORT_LAST 0xcff
#define MARK_PORT 0xbb0
#define KEYBOARD_COMMAND_PORT 0x64
#define KEYBOARD_RESET 0xfe
#define RESET_FULL BIT(2)
/* ACPI 6.5, section 4.8.3.7: sleep control register. */
#define SLEEP_ENABLE BIT(5)
#define SLEEP_TYPE_SHIFT 2
#define SLEEP_TYPE_MASK 7

static u32 ones(u8 width) {
	return (u32)BITS(width * 8 - 1, 0);
}

static bool is_uart(u16 port) {
	return port >= GUEST_UART_PORT && port < GUEST_UART_PORT + UART_PORTS;
}

static bool is_config(u16 port, u8 width) {
	return port >= CONFIG_PORT_FIRST && port + width - 1 <= CONFIG_PORT_LAST;
}

static u32 port_in(struct partition *p, u16 port, u8 width) {
	u32 value = ones(width);

	spin_lock(&p->lock);
	if (is_uart(port) && width == 1)
		value = uart_read(&p->uart, (u8)(port - GUEST_UART_PORT));
	else if (is_config(port, width))
		value = vpci_port_read(&p->vpci, port, width);
	else if (port == GUEST_SLEEP_STATUS_PORT || port == GUEST_SLEEP_CONTROL_PORT)
		value = 0;
	else
		p->ignored++;
	spin_unlock(&p->lock);
	return value;
}

static void power(struct partition *p, u16 port, u32 value) {
	if (port == GUEST_SLEEP_CONTROL_PORT && value & SLEEP_ENABLE &&
	    (value >> SLEEP_TYPE_SHIFT & SLEEP_TYPE_MASK) == GUEST_SLEEP_TYPE_OFF)
		partition_stop(p, NULL);
	else if ((port == GUEST_RESET_PORT && value & RESET_FULL) ||
		 (port == KEYBOARD_COMMAND_PORT && value == KEYBOARD_RESET))
		partition_stop(p, "the guest asked for a reset");
}

static void port_out(struct vcpu *vcpu, u16 port, u8 width, u32 value) {
	struct partition *p = vcpu->partition;

	if (port == MARK_PORT && width == 1) {
		partition_mark(vcpu, (u8)value);
		return;
	}
	if (width == 1 && (port == GUEST_SLEEP_CONTROL_PORT || port == GUEST_RESET_PORT ||
			   port == KEYBOARD_COMMAND_PORT)) {
		power(p, port, value);
		return;
	}
	spin_lock(&p->lock);
	if (is_uart(port) && width == 1)
		uart_write(&p->uart, (u8)(port - GUEST_UART_PORT), (u8)value);
	else if (is_config(port, width))
		vpci_port_write(&p->vpci, port, width, value);
	else
		p->ignored++;
	spin_unlock(&p->lock);
}

bool guest_port_access(struct vcpu *vcpu, const struct vcpu_exit *exit) {
	u64 *rax = &vcpu->state.gpr[GPR_RAX];

	if (exit->string)
		return false;
	if (exit->write) {
		port_out(vcpu, exit->port, exit->width, (u32)*rax & ones(exit->width));
	} else {
		u32 value = port_in(vcpu->partition, exit->port, exit->width);

		/* A double word clears the upper half of RAX; smaller reads leave the rest alone. */
		*rax = exit->width == 4 ? value : (*rax & ~(u64)ones(exit->width)) | value;
	}
	return true;
}
