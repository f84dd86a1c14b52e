/* SPDX-License-Identifier: Apache-2.0 */
/* A download over the network card, whose address is the one that QEMU's user network expects. */
#include "work.h"
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define INTERFACE "eth0"
#define ADDRESS "10.0.2.15"
#define MASK "255.255.255.0"
#define SERVER "10.0.2.2"
#define DOWNLOAD_MAX (64 * MIB)
#define WARM_SIZE MIB
#define WAIT_MS 100
#define WAIT_ROUNDS 600

static struct sockaddr_in address_of(const char *text, const char *port) {
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons((uint16_t)strtoul(port, NULL, 10))};

	if (inet_pton(AF_INET, text, &address.sin_addr) != 1) {
		errno = EINVAL;
		fail(text);
	}
	return address;
}

static void set_address(int control, unsigned long request, const char *text) {
	struct ifreq change = {.ifr_name = INTERFACE};
	struct sockaddr_in address = address_of(text, "0");

	memcpy(&change.ifr_addr, &address, sizeof(address));
	if (ioctl(control, request, &change))
		fail(text);
}

static void interface_up(void) {
	int control = socket(AF_INET, SOCK_DGRAM, 0);
	struct ifreq flags = {.ifr_name = INTERFACE};
	unsigned tries = 0;

	while (ioctl(control, SIOCGIFFLAGS, &flags) && tries++ < WAIT_ROUNDS)
		pause_for(WAIT_MS);
	set_address(control, SIOCSIFADDR, ADDRESS);
	set_address(control, SIOCSIFNETMASK, MASK);
	flags.ifr_flags |= IFF_UP | IFF_RUNNING;
	if (ioctl(control, SIOCSIFFLAGS, &flags))
		fail(INTERFACE);
	for (tries = 0; tries < WAIT_ROUNDS; tries++) {
		if (!ioctl(control, SIOCGIFFLAGS, &flags) && (flags.ifr_flags & IFF_RUNNING))
			break;
		pause_for(WAIT_MS);
	}
	close(control);
}

static int connect_to_server(void) {
	char server[64], port[16];
	struct timeval limit = {.tv_sec = 60};
	struct sockaddr_in peer;
	int connection = socket(AF_INET, SOCK_STREAM, 0);

	snprintf(server, sizeof(server), "%s", setting("server", SERVER));
	snprintf(port, sizeof(port), "%s", setting("port", "80"));
	peer = address_of(server, port);
	if (connection < 0 ||
	    setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) ||
	    connect(connection, (struct sockaddr *)&peer, sizeof(peer)))
		fail("connect");
	return connection;
}

/* Reads until the peer closes or LIMIT bytes are there. */
static size_t fetch(int connection, uint8_t *to, size_t limit) {
	char request[512];
	size_t have = 0;
	int length = snprintf(request, sizeof(request), "GET /%s HTTP/1.0\r\n\r\n",
			      setting("path", "payload.bin"));

	if (send(connection, request, (size_t)length, 0) != length)
		fail("send");
	while (have < limit) {
		ssize_t got = recv(connection, to + have, limit - have, 0);

		if (got < 0)
			fail("receive");
		if (got == 0)
			break;
		have += (size_t)got;
	}
	return have;
}

void work_download(void) {
	uint8_t *data = resident(DOWNLOAD_MAX);
	uint64_t before;
	int connection;
	size_t have;

	interface_up();
	connection = connect_to_server();
	fetch(connection, data, WARM_SIZE);
	close(connection);
	connection = connect_to_server();
	before = interrupts(INTERFACE);
	phase_begin("download", 0);
	have = fetch(connection, data, DOWNLOAD_MAX);
	phase_end("download", have / MIB);
	printf("bench: download %zu bytes %lu interrupts\n", have, interrupts(INTERFACE) - before);
	if (!memmem(data, 16, " 200 ", 5)) {
		errno = EPROTO;
		fail("answer of the server");
	}
	close(connection);
	munmap(data, DOWNLOAD_MAX);
}
