/* SPDX-License-Identifier: Apache-2.0 */
/* The command line says whether it is the attacker or the victim; orders come through the mailbox. */
#include "attacks.h"

#define MAILBOX_VENDOR 0x1af4
#define MAILBOX_DEVICE 0x1110
#define MAILBOX_BAR 2
/* Where the image itself lies, with its constants. */
#define LOW_END 0x9f000
#define IMAGE_END (4 * MIB)
#define RESET_PORT 0xcf9
#define RESET_NOW 6

struct multiboot_info {
	uint32_t flags, mem_lower, mem_upper, boot_device, command_line;
};

struct mailbox *mailbox;
uint64_t guest_ram_end;

void attacker_main(const struct multiboot_info *info);

void tried(bool refused, bool landed) {
	mailbox->result[RESULT_TRIED]++;
	mailbox->result[RESULT_REFUSED] += refused;
	mailbox->result[RESULT_LANDED] += landed;
}

void control(bool works) {
	mailbox->result[RESULT_CONTROLS] += works;
	mailbox->result[RESULT_LOST] += !works;
}

void bus_master(uint32_t devfn) {
	pci_write(0, devfn, PCI_COMMAND, PCI_COMMAND_MEMORY);
	pci_write(0, devfn, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_BUS_MASTER);
}

void fill(volatile uint64_t *words, uint32_t count, uint64_t value) {
	for (uint32_t i = 0; i < count; i++)
		words[i] = value + i;
}

bool holds(const volatile uint64_t *words, uint32_t count, uint64_t value) {
	for (uint32_t i = 0; i < count; i++)
		if (words[i] != value + i)
			return false;
	return true;
}

static void open_mailbox(void) {
	uint32_t devfn = pci_find(MAILBOX_VENDOR, MAILBOX_DEVICE);
	uint64_t address;

	if (!devfn) {
		print("guest: its mailbox is not there");
		power_off();
	}
	pci_write(0, devfn, PCI_COMMAND, PCI_COMMAND_MEMORY);
	address = pci_bar(devfn, MAILBOX_BAR);
	map_high(address);
	mailbox = (struct mailbox *)address;
}

static void arm(uint64_t address) {
	edu_arm(address);
	nvme_arm(address);
	control(e1000e_works());
	e1000e_receive(address, false);
}

static _Noreturn void end(uint64_t how) {
	print("attack: ends");
	if (how == END_TRIPLE_FAULT)
		triple_fault();
	if (how == END_RESET)
		out8(RESET_PORT, RESET_NOW);
	if (how == END_JUMP_BEYOND)
		((void (*)(void))(guest_ram_end + GIB))();
	power_off();
}

static void carry_out(uint64_t verb, const volatile uint64_t *a) {
	switch (verb) {
	case ORDER_TESTDEV_SWEEP: testdev_sweep(a[0], a[1], a[2], (uint32_t)a[3]); break;
	case ORDER_TESTDEV_LIST: testdev_list(a[0], (uint32_t)a[1]); break;
	case ORDER_TESTDEV_MESSAGES: testdev_messages(a[0]); break;
	case ORDER_EDU_LIST: edu_list(a[0]); break;
	case ORDER_NVME_WRITES: nvme_sweep(true, a[0], a[1], a[2]); break;
	case ORDER_NVME_READS: nvme_sweep(false, a[0], a[1], a[2]); break;
	case ORDER_NVME_LIST: nvme_list(a[0]); break;
	case ORDER_NVME_QUEUES: nvme_queues(a[0]); break;
	case ORDER_NVME_MESSAGES: nvme_messages(a[0], a[1]); break;
	case ORDER_MSI: attack_msi((uint32_t)a[0]); break;
	case ORDER_MSI_HOLD: hold_msi((uint32_t)a[0]); break;
	case ORDER_MSIX: nvme_hostile_vectors((uint32_t)a[0], a[1]); break;
	case ORDER_CONFIG: attack_configuration(guest_ram_end, (uint32_t)a[0]); break;
	case ORDER_STORM: testdev_storm(a[0]); break;
	case ORDER_ARM: arm(a[0]); break;
	case ORDER_HURT_MEMORY: victim_hurt_memory(); break;
	case ORDER_HURT_INTERRUPTS: victim_hurt_interrupts(); break;
	case ORDER_FORGET: victim_forget(); break;
	case ORDER_MARK: victim_phase(a[0]); break;
	default: print("guest: unknown order %u", verb);
	}
}

/* The end is answered before it comes. */
static void obey(bool says_so) {
	uint64_t number = mailbox->order;

	if (number == mailbox->answer)
		return;
	if (mailbox->verb == ORDER_END) {
		mailbox->answer = number;
		end(mailbox->argument[0]);
	}
	for (uint32_t i = 0; i < RESULTS; i++)
		mailbox->result[i] = 0;
	carry_out(mailbox->verb, mailbox->argument);
	if (says_so)
		print("attack: %s tried %u refused %u landed %u controls %u lost %u", mailbox->name,
		      mailbox->result[RESULT_TRIED], mailbox->result[RESULT_REFUSED],
		      mailbox->result[RESULT_LANDED], mailbox->result[RESULT_CONTROLS],
		      mailbox->result[RESULT_LOST]);
	mailbox->answer = number;
}

/* Memory was zero before the image was loaded: frames of an earlier life would be seen, and interrupts. */
static void look_for_early_ones(void) {
	uint64_t found = interrupts_total();

	for (volatile uint64_t *word = (volatile uint64_t *)4096;
	     word < (volatile uint64_t *)guest_ram_end; word++) {
		if ((uint64_t)word == LOW_END)
			word = (volatile uint64_t *)IMAGE_END;
		found += *word == MARK || *word == MARK_FRAME;
	}
	mailbox->shown[SHOWN_EARLY] += found;
	mailbox->shown[SHOWN_LIVES]++;
}

void attacker_main(const struct multiboot_info *info) {
	bool victim = *(const char *)(uint64_t)info->command_line == 'v';

	guest_ram_end = MIB + info->mem_upper * 1024ull;
	machine_init();
	*(volatile uint64_t *)SIGNATURE_PLACE = SIGNATURE;
	*(volatile uint64_t *)(SIGNATURE_PLACE + 8) = apic_id();
	open_mailbox();
	look_for_early_ones();
	if (victim)
		victim_begin();
	print("guest: ready, life %u", mailbox->shown[SHOWN_LIVES]);
	for (;;) {
		obey(!victim);
		if (victim)
			victim_round();
		else
			rest_ms(1);
	}
}
