/* Whether a packet can be mirrored at all: mirrorplane.stages.classify.
 *
 * Owns the reasons that lie in the packet itself, in the order in which they count. Must not know rules.
 */
#pragma once

#include "maps.h"
#include "parse.h"

enum { BOOTP_SERVER = 67, BOOTP_CLIENT = 68, DHCPV6_CLIENT = 546, DHCPV6_SERVER = 547 };

INLINE int is_dhcp(const struct packet *packet)
{
	s32 one = packet->source_port, other = packet->destination_port;

	if (packet->version == 4)
		return (one == BOOTP_SERVER || one == BOOTP_CLIENT) &&
		       (other == BOOTP_SERVER || other == BOOTP_CLIENT);
	return (one == DHCPV6_CLIENT || one == DHCPV6_SERVER) && (other == DHCPV6_CLIENT || other == DHCPV6_SERVER);
}

ASIDE int is_own_output(struct __sk_buff *skb, const struct packet *packet)
{
	u32 at = packet->layer4 + UDP_LEN;
	struct tunnel key = {};
	u8 header[VXLAN_LEN] ALIGNED;

	if (at + VXLAN_LEN > packet->whole || skb_load_bytes(skb, packet->layer3 + at, header, VXLAN_LEN))
		return 0;
	if (!(header[0] & 0x08))
		return 0;
	key.vni = be32(header + 4) >> 8;
	key.port = packet->destination_port;
	key.version = packet->version;
	if (packet->version == 4) {
		__builtin_memcpy(key.source + 12, packet->source, 4);
		__builtin_memcpy(key.destination + 12, packet->destination, 4);
	} else {
		__builtin_memcpy(key.source, packet->source, 16);
		__builtin_memcpy(key.destination, packet->destination, 16);
	}
	if (map_lookup_elem(&tunnels, &key))
		return 1;
	__builtin_memset(key.source, 0, 16);
	return map_lookup_elem(&tunnels, &key) != 0;
}

/* What a UDP datagram carries; a packet that is mirrored without a rule leaves with version 0. */
INLINE enum reason judge_udp(struct __sk_buff *skb, const struct source *source, struct packet *packet)
{
	s32 port = packet->destination_port;

	if (packet->protocol != UDP || port == NO_PORT)
		return MIRRORED;
	if (source->low_port <= port && port <= source->high_port && is_own_output(skb, packet))
		return OWN_OUTPUT;
	if (!is_dhcp(packet))
		return MIRRORED;
	if (source->also & ALSO_DHCP) {
		packet->version = 0;
		return MIRRORED;
	}
	return DHCP;
}

INLINE enum reason classify(struct __sk_buff *skb, const struct source *source, struct packet *packet)
{
	struct layer2 frame;
	int readable;

	read_layer2(skb, &frame);
	packet->layer3 = frame.here;
	packet->source_port = packet->destination_port = NO_PORT;
	if (frame.type == TYPE_ARP)
		return source->also & ALSO_ARP ? MIRRORED : ARP;
	if (frame.type == TYPE_IPV4)
		readable = read_ipv4(skb, frame.there, packet);
	else if (frame.type == TYPE_IPV6)
		readable = read_ipv6(skb, frame.there, packet);
	else if (frame.type != CUT)
		return source->also & ALSO_NON_IP ? MIRRORED : NOT_IP;
	else
		readable = 0;
	if (!readable)
		return MALFORMED;
	read_ports(skb, packet);
	packet->flow = flow_of(packet);
	return judge_udp(skb, source, packet);
}
