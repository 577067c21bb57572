/* The words shared with Python, mostly under its names; a test reads them here and compares.
 *
 * Owns names and numbers only.
 */
#pragma once

/* mirrorplane.batch */
enum direction { UNKNOWN = 0, INGRESS = 1, EGRESS = 2, N_DIRECTIONS = 3 };

/* mirrorplane.counters.Reason */
enum reason {
	MIRRORED = 0,
	NOT_FOR_SOURCE = 1,
	OWN_OUTPUT = 2,
	MALFORMED = 3,
	ARP = 4,
	NOT_IP = 5,
	DHCP = 6,
	DISABLED = 7,
	DROP_RULE = 8,
	NO_RULE = 9,
	NO_ROUTE = 10,
	NO_NEIGHBOUR = 11,
	RING_FULL = 12,
	BACKLOG_FULL = 13,
	SEND_FAILED = 14,
	UNSEGMENTED = 15,
	N_REASONS = 16,
};

/* mirrorplane.plan.tables, mirrorplane.plan.tries, mirrorplane.wire.flow */
enum table {
	NONE = -1,
	ALSO_ARP = 1,
	ALSO_DHCP = 2,
	ALSO_NON_IP = 4,
	FANOUT = 256,
	HEADER_STRIDE = 80,
	MIN_PORT = 49152,
	PORT_MASK = 0x3fff,
	SLOT_BITS = 16,
};

/* mirrorplane.engines.kernel.records */
enum limit {
	GENERATIONS = 2,
	MAX_RELAYS = 8,
	MAX_CPUS = 256,
	MAX_SOURCES = 4096, /* in the life of an instance, as the next two */
	MAX_SESSIONS = 16384,
	MAX_RULES = 65536,
	PAGE = 4096,
	MAX_STEPS = 72,
	N_BUCKETS = 0x4000, /* as many as there are outer source ports: a flow's port is its bucket */
};

/* mirrorplane.wire */
enum wire {
	ETHERNET_LEN = 14,
	TAG_LEN = 4,
	MAX_TAGS = 2,
	TYPE_IPV4 = 0x0800,
	TYPE_ARP = 0x0806,
	TYPE_IPV6 = 0x86dd,
	TYPE_VLAN = 0x8100,
	TYPE_SERVICE_VLAN = 0x88a8,
	IPV4_LEN = 20,
	IPV6_LEN = 40,
	UDP_LEN = 8,
	VXLAN_LEN = 8,
	PORTS_LEN = 4,
	EXTENSION_UNIT = 8,
	MAX_EXTENSIONS = 8,
	MAX_OPTIONS = 64,
	UNKNOWN_PROTOCOL = 255,
	NO_NEXT_HEADER = 59,
	PADDED_LEN = 46,
	MIN_JUMBO = 0x10000,
};
