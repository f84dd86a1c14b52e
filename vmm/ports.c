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

static void power(struct partition *p, u16 port, u32 value) {
	if (port == GUEST_SLEEP_CONTROL_PORT && value & SLEEP_ENABLE &&
	    (value >> SLEEP_TYPE_SHIFT & SLEEP_TYPE_MASK) == GUEST_SLEEP_TYPE_OFF)
		partition_stop(p, NULL);
	else if ((port == GUEST_RESET_PORT && value & RESET_FULL) ||
		 (port == KEYBOARD_COMMAND_PORT && value == KEYBOARD_RESET))
		partition_stop(p, "the guest asked for a reset");
}

/* What is behind a port is read into *VALUE, or written from there. */
static void access_port(struct partition *p, const struct vcpu_exit *exit, u32 *value) {
	u16 port = exit->port, uart = port - GUEST_UART_PORT;
	u8 width = exit->width;

	spin_lock(&p->lock);
	if (uart < UART_PORTS && width == 1 && exit->write)
		uart_write(&p->uart, (u8)uart, (u8)*value);
	else if (uart < UART_PORTS && width == 1)
		*value = uart_read(&p->uart, (u8)uart);
	else if (port >= CONFIG_PORT_FIRST && port + width - 1 <= CONFIG_PORT_LAST)
		vpci_port(&p->vpci, port, width, exit->write, value);
	else if ((port == GUEST_WATCHDOG_PORT && width == 1) ||
		 (port == GUEST_WATCHDOG_COUNTER_PORT && width == 2))
		watchdog_access(&p->watchdog, width == 2, exit->write, value,
				machine_milliseconds());
	else if (!exit->write &&
		 (port == GUEST_SLEEP_STATUS_PORT || port == GUEST_SLEEP_CONTROL_PORT))
		*value = 0;
	spin_unlock(&p->lock);
}

static bool is_power(u16 port) {
	return port == GUEST_SLEEP_CONTROL_PORT || port == GUEST_RESET_PORT ||
	       port == KEYBOARD_COMMAND_PORT;
}

bool guest_port_access(struct vcpu *vcpu, const struct vcpu_exit *exit) {
	u64 *rax = &vcpu->state.gpr[GPR_RAX];
	u32 value = (u32)(*rax & byte_mask(exit->width));

	if (exit->string)
		return false;
	if (!exit->write)
		value = (u32)byte_mask(exit->width);
	if (exit->write && exit->width == 1 && exit->port == MARK_PORT)
		partition_mark(vcpu, (u8)value);
	else if (exit->write && exit->width == 1 && is_power(exit->port))
		power(vcpu->partition, exit->port, value);
	else
		access_port(vcpu->partition, exit, &value);
	/* A double word clears the upper half of RAX; smaller reads leave the rest alone. */
	if (!exit->write)
		*rax = exit->width == 4 ? value : (*rax & ~byte_mask(exit->width)) | value;
	return true;
}
