/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a virtual function of Intel's 82576 needs of the driver of its physical function, beside a driver that does not
 * know of virtual functions: a pool of its own, an address, and answers to its mail. Section 7.10 of the
 * 82576's data sheet. The queues of pools 0 and 1 stay with that driver.
 */
#include "igb.h"
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define REGISTERS_SIZE 0x20000ul
#define VIRTUAL_MIN 2u
#define VIRTUAL_MAX 7u

enum igb_register {
	CTRL_EXT = 0x0018,
	VMBMEM = 0x0800, /* 16 words a function */
	P2VMAILBOX = 0x0c00,
	MBVFICR = 0x0c80,
	VFRE = 0x0c8c,
	VFTE = 0x0c90,
	RAL = 0x5400, /* pairs of RAL and RAH */
	RAH = 0x5404,
	MRQC = 0x5818,
	VT_CTL = 0x581c,
	VMOLR = 0x5ad0,
};

#define CTRL_EXT_PFRSTD (1u << 14)
#define MAILBOX_STS (1u << 0)
#define MAILBOX_ACK (1u << 1)
#define MAILBOX_PFU (1u << 3)
#define RAH_VALID (1u << 31)
#define RAH_POOL(n) (1u << (18 + (n)))
#define MRQC_VMDQ 3u
#define VMOLR_UNTAGGED (1u << 24)
#define VMOLR_BROADCAST (1u << 27)
#define OWN_POOLS 3u
#define LAST_ADDRESS 15u

/* Messages; igbvf has them. */
#define MESSAGE_RESET 1u
#define MESSAGE_ACK (1u << 31)
#define MESSAGE_CLEAR_TO_SEND (1u << 29)

static volatile uint8_t *registers;

static volatile uint32_t *at(uint32_t offset) {
	return (volatile uint32_t *)(registers + offset);
}

static void lock_mailbox(unsigned int vf) {
	do
		*at(P2VMAILBOX + 4 * vf) = MAILBOX_PFU;
	while (!(*at(P2VMAILBOX + 4 * vf) & MAILBOX_PFU));
}

/* Pools by address; the physical function's driver gets what it got before. */
static void begin(void) {
	*at(RAH) |= RAH_POOL(0);
	for (unsigned int pool = 0; pool < VIRTUAL_MIN; pool++)
		*at(VMOLR + 4 * pool) |= VMOLR_UNTAGGED | VMOLR_BROADCAST;
	*at(VFRE) = OWN_POOLS;
	*at(VFTE) = OWN_POOLS;
	*at(VT_CTL) = 0;
	*at(MBVFICR) = UINT32_MAX; /* what was asked before nobody waits for */
	*at(MRQC) = MRQC_VMDQ;
	*at(CTRL_EXT) |= CTRL_EXT_PFRSTD;
}

/* Its reset has closed it. */
static void open_pool(unsigned int vf, const uint32_t address[2]) {
	*at(RAL + 8 * LAST_ADDRESS) = address[0];
	*at(RAH + 8 * LAST_ADDRESS) = address[1] | RAH_VALID | RAH_POOL(vf);
	*at(VMOLR + 4 * vf) = VMOLR_UNTAGGED | VMOLR_BROADCAST;
	*at(VFRE) |= 1u << vf;
	*at(VFTE) |= 1u << vf;
}

static void answer(unsigned int vf) {
	const uint32_t address[2] = {2, vf << 8}; /* 02:00:00:00:00:VF */
	uint32_t mail = VMBMEM + 0x40 * vf, message;

	lock_mailbox(vf);
	message = *at(mail);
	*at(P2VMAILBOX + 4 * vf) = MAILBOX_ACK; /* and no lock */
	lock_mailbox(vf);
	if (message == MESSAGE_RESET) {
		open_pool(vf, address);
		*at(mail) = message | MESSAGE_ACK;
		*at(mail + 4) = address[0];
		*at(mail + 8) = address[1];
	} else {
		*at(mail) = message | MESSAGE_ACK | MESSAGE_CLEAR_TO_SEND;
	}
	*at(P2VMAILBOX + 4 * vf) = MAILBOX_STS;
}

int serve_virtual_function(const char *resource, unsigned int vf) {
	const struct timespec pause = {.tv_nsec = 200000};
	int file = open(resource, O_RDWR | O_SYNC);
	void *memory;
	pid_t child;

	if (file < 0 || vf < VIRTUAL_MIN || vf > VIRTUAL_MAX)
		return -1;
	memory = mmap(NULL, REGISTERS_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	close(file);
	if (memory == MAP_FAILED)
		return -1;
	registers = memory;
	begin();
	child = fork();
	if (child)
		return child < 0 ? -1 : 0;
	for (;;) {
		if (*at(MBVFICR) & 1u << vf) {
			*at(MBVFICR) = 1u << vf;
			answer(vf);
		}
		nanosleep(&pause, NULL);
	}
}
