/* The mark to reach: what somebody would write by hand, for this one purpose.
 *
 * mirror RULES IN OUT PACKET_LENGTH
 *
 * Reads a pcap file, takes the first of the rules that matches, linearly, cuts the packet to PacketLength, wraps
 * it in VXLAN and writes a pcap file: byte for byte what `mirrorplane replay` makes of the same (a test compares
 * the two). IPv4 of one source, one session and one target only; no counters, no checks beyond those that the
 * packets need; little-endian files of microseconds. RULES has a rule a line: "accept protocol source
 * source_mask destination destination_mask low high", all numbers.
 *
 * Blocks that stay in a cache are read and written: measured against mmap of the input, which is slower. */

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	BLOCK = 256 << 10,
	FILE_HEADER = 24,
	RECORD_HEADER = 16,
	ETHERNET = 14,
	IP = 20,
	ENVELOPE = 50,
	LONGEST = 256 << 10,
	MOST_RULES = 4096,
	TCP = 6,
	UDP = 17,
	FRAGMENT = 0x3fff, /* more fragments, and the offset */
	OFFSET = 0x1fff,
	FIRST_PORT = 49152,
	PORT_MASK = 0x3fff,
};

struct rule {
	uint32_t accept, protocol, source, source_mask, destination, destination_mask, low, high;
};

static struct rule rules[MOST_RULES];
static int n_rules;
static uint8_t in[BLOCK + LONGEST], out[BLOCK + LONGEST];
static size_t used;
static int target;

static const uint8_t source_mac[6] = {2, 0, 0, 0, 0, 1};

/* To 02:00:00:00:00:99 from 02:00:00:00:00:01; 10.0.0.1 to 10.9.0.2, DF, TTL 64, UDP; port 4789; VNI 7. */
static const uint8_t envelope[ENVELOPE] = {
	2, 0, 0, 0, 0, 0x99, 2, 0, 0, 0, 0, 1, 8, 0,
	0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 9, 0, 2,
	0, 0, 0x12, 0xb5, 0, 0, 0, 0,
	8, 0, 0, 0, 0, 0, 7, 0,
};
static uint32_t envelope_sum;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static uint32_t be16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t be32(const uint8_t *at)
{
	uint32_t word;
	memcpy(&word, at, 4);
	return __builtin_bswap32(word);
}

static uint32_t le32(const uint8_t *at)
{
	uint32_t word;
	memcpy(&word, at, 4);
	return word;
}

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = value >> 8;
	at[1] = value;
}

static uint64_t mix(uint64_t word)
{
	word = (word ^ word >> 33) * 0xff51afd7ed558ccdULL;
	word = (word ^ word >> 33) * 0xc4ceb9fe1a85ec53ULL;
	return word ^ word >> 33;
}

static uint32_t source_port(uint64_t one, uint64_t other, uint32_t protocol)
{
	uint64_t least = one < other ? one : other, most = one < other ? other : one;
	return FIRST_PORT + (mix(least + mix(most + protocol)) & PORT_MASK);
}

static int decide(uint32_t protocol, uint32_t source, uint32_t destination, uint32_t port)
{
	for (int n = 0; n < n_rules; n++) {
		const struct rule *rule = rules + n;
		if (rule->protocol == protocol && (destination & rule->destination_mask) == rule->destination &&
		    rule->low <= port && port <= rule->high && (source & rule->source_mask) == rule->source)
			return rule->accept;
	}
	return 0;
}

static void drain(void)
{
	for (size_t done = 0; done < used;) {
		ssize_t n = write(target, out + done, used - done);
		if (n < 0)
			die("writing");
		done += n;
	}
	used = 0;
}

static void emit(const uint8_t *record, const uint8_t *frame, uint32_t kept, uint32_t port)
{
	uint8_t *at = out + used, *outer = at + RECORD_HEADER;
	uint32_t length = ENVELOPE + kept, total = length - ETHERNET, sum = envelope_sum + total;
	memcpy(at, record, 8); /* the time */
	memcpy(at + 8, &length, 4);
	memcpy(at + 12, &length, 4);
	memcpy(outer, envelope, ENVELOPE);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	put16(outer + 16, total);
	put16(outer + 24, sum ^ 0xffff);
	put16(outer + 34, port);
	put16(outer + 38, total - IP);
	memcpy(outer + ENVELOPE, frame, kept);
	used += RECORD_HEADER + length;
	if (used >= BLOCK)
		drain();
}

/* By its MAC, which may also tell that it is the other direction, else by its address. */
static int is_egress(const uint8_t *frame, const uint8_t *ip)
{
	if (!memcmp(frame + 6, source_mac, 6))
		return 1;
	return memcmp(frame, source_mac, 6) && !memcmp(ip + 12, envelope + ETHERNET + 12, 4);
}

static void mirror(const uint8_t *record, const uint8_t *frame, uint32_t there, uint32_t packet_length)
{
	const uint8_t *ip = frame + ETHERNET;
	uint32_t header, whole, protocol, fragment, one = 0, other = 0;
	if (there < ETHERNET + IP || be16(frame + 12) != 0x0800 || ip[0] >> 4 != 4 || !is_egress(frame, ip))
		return;
	there -= ETHERNET;
	header = (ip[0] & 15) * 4, whole = be16(ip + 2), protocol = ip[9], fragment = be16(ip + 6);
	if (header < IP || header > there || whole < header)
		return;
	if (whole > there)
		whole = there;
	if ((protocol != TCP && protocol != UDP) || fragment & OFFSET || whole < header + 4)
		return; /* every rule names ports */
	one = be16(ip + header), other = be16(ip + header + 2);
	if (protocol == UDP && (one == 67 || one == 68) && (other == 67 || other == 68))
		return;
	if (!decide(protocol, be32(ip + 12), be32(ip + 16), other))
		return;
	if (fragment & FRAGMENT)
		one = other = 0;
	emit(record, frame, ETHERNET + (whole < packet_length ? whole : packet_length),
	     source_port((uint64_t)be32(ip + 12) << 16 | one, (uint64_t)be32(ip + 16) << 16 | other, protocol));
}

static void read_rules(const char *path)
{
	FILE *file = fopen(path, "r");
	struct rule *rule = rules;
	if (!file)
		die(path);
	while (n_rules < MOST_RULES &&
	       fscanf(file, "%u %u %u %u %u %u %u %u", &rule->accept, &rule->protocol, &rule->source, &rule->source_mask,
		      &rule->destination, &rule->destination_mask, &rule->low, &rule->high) == 8)
		n_rules++, rule++;
	fclose(file);
}

static void begin(const uint8_t *header)
{
	if (le32(header) != 0xa1b2c3d4)
		exit(2);
	memcpy(out, header, 16);
	memcpy(out + 16, (uint32_t[]){LONGEST, 1}, 8);
	used = FILE_HEADER;
	for (int at = ETHERNET; at < ETHERNET + IP; at += 2)
		envelope_sum += be16(envelope + at);
}

int main(int count, char **given)
{
	size_t have = 0, at = FILE_HEADER;
	uint32_t packet_length;
	int source, begun = 0;
	ssize_t n;
	if (count != 5)
		return 2;
	packet_length = atoi(given[4]);
	read_rules(given[1]);
	if ((source = open(given[2], O_RDONLY)) < 0)
		die(given[2]);
	if ((target = open(given[3], O_WRONLY | O_CREAT | O_TRUNC, 0666)) < 0)
		die(given[3]);
	while ((n = read(source, in + have, BLOCK)) > 0) {
		have += n;
		if (!begun && have >= FILE_HEADER)
			begin(in), begun = 1;
		while (begun && at + RECORD_HEADER <= have && at + RECORD_HEADER + le32(in + at + 8) <= have) {
			uint32_t length = le32(in + at + 8);
			mirror(in + at, in + at + RECORD_HEADER, length, packet_length);
			at += RECORD_HEADER + length;
		}
		if (begun) {
			memmove(in, in + at, have - at);
			have -= at, at = 0;
		}
	}
	drain();
	return n < 0;
}
