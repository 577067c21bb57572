/* Which rule decides, and where the copy goes: mirrorplane.stages.select over the same tables.
 *
 * Owns matching. Must not know header formats.
 */
#pragma once

#include "maps.h"
#include "parse.h"

struct verdict {
	enum reason reason;
	s32 template;
};

/* Walk a trie by the bytes of a field: the row of the bit vector it leads to, NONE if the tables are broken. */
INLINE s32 vector_of(void *nodes, s32 root, const u8 *field, u32 length)
{
	s32 entry = root;

	for (u32 n = 0; n < 16; n++) {
		u32 row = (u32)entry / FANOUT;
		struct node *node;

		if (n >= length)
			break;
		node = map_lookup_elem(nodes, &row);
		if (!node)
			break;
		entry = node->entry[field[n]];
		if (entry < 0)
			return ~entry;
	}
	return NONE;
}

INLINE u64 word(void *bitmaps, u32 row)
{
	u64 *found = map_lookup_elem(bitmaps, &row);

	return found ? *found : 0;
}

INLINE u32 lowest_bit(u64 bits)
{
	return __builtin_ctzll(bits);
}

INLINE u32 count_bits(u64 bits)
{
	return __builtin_popcountll(bits);
}

struct vectors {
	s32 one, two, three, four; /* rows of `bitmaps`; the fourth may be NONE */
	u32 summaries; /* words at each row that say which of the others are kept */
};

struct summaries {
	u64 one, two, three, four;
};

/* select._search, one word a step: the lowest rule that the vectors share, NONE if there is none. */
WHOLE s32 search(u32 generation, const struct vectors *vector)
{
	void *rows = table(&bitmaps, generation);
	u32 a, b, c, d, summaries, row = 0;
	struct summaries at = {};
	u64 candidates = 0;

	if (!rows || !vector)
		return NONE;
	a = b = c = d = summaries = vector->summaries;

	for (int step = 0; step < MAX_STEPS; step++) {
		if (!candidates) { /* the next summary */
			a += count_bits(at.one);
			b += count_bits(at.two);
			c += count_bits(at.three);
			d += count_bits(at.four);
			if (row >= summaries)
				return NONE;
			at.one = word(rows, vector->one + row);
			at.two = word(rows, vector->two + row);
			at.three = word(rows, vector->three + row);
			at.four = vector->four != NONE ? word(rows, vector->four + row) : ~0ULL;
			candidates = at.one & at.two & at.three & at.four;
			row++;
		} else {
			u64 before = (candidates & -candidates) - 1, common;

			common = word(rows, vector->one + a + count_bits(at.one & before));
			common &= word(rows, vector->two + b + count_bits(at.two & before));
			common &= word(rows, vector->three + c + count_bits(at.three & before));
			if (vector->four != NONE)
				common &= word(rows, vector->four + d + count_bits(at.four & before));
			if (common)
				return ((row - 1) * 64 + lowest_bit(candidates)) * 64 + lowest_bit(common);
			candidates &= candidates - 1;
		}
	}
	return NONE;
}

/* The vectors of (protocol, destination port), and of the source port if a rule names one. */
INLINE int find_upper(void *nodes, const struct classifier *rules, const struct packet *packet, struct vectors *found)
{
	u8 service[3] = { packet->protocol, packet->destination_port >> 8, packet->destination_port };
	u8 port[2] = { packet->source_port >> 8, packet->source_port };

	found->four = NONE;
	if (packet->destination_port == NO_PORT) {
		found->three = vector_of(nodes, rules->portless_root, service, 1);
		return found->three != NONE;
	}
	found->three = vector_of(nodes, rules->service_root, service, 3);
	if (rules->source_port_root == NONE)
		return found->three != NONE;
	found->four = vector_of(nodes, rules->source_port_root, port, 2);
	return found->three != NONE && found->four != NONE;
}

/* The first of the rules that matches, as its bit; NONE if none does. */
INLINE s32 deciding_rule(u32 generation, const struct classifier *rules, const struct packet *packet)
{
	void *tries = table(&nodes, generation), *rows = table(&bitmaps, generation);
	u32 length = packet->version == 4 ? 4 : 16;
	struct vectors vector;

	if (!tries || !rows || rules->words == 0)
		return NONE;
	vector.one = vector_of(tries, rules->source_root, packet->source, length);
	vector.two = vector_of(tries, rules->destination_root, packet->destination, length);
	if (vector.one == NONE || vector.two == NONE || !find_upper(tries, rules, packet, &vector))
		return NONE;
	if (rules->summaries == 0) {
		u64 common = word(rows, vector.one) & word(rows, vector.two) & word(rows, vector.three);

		if (vector.four != NONE)
			common &= word(rows, vector.four);
		return common ? (s32)lowest_bit(common) : NONE;
	}
	vector.summaries = rules->summaries;
	return search(generation, &vector);
}

/* select._decide: of a packet that nothing speaks against; `row` is its source's. */
INLINE struct verdict decide(u32 generation, const struct source *source, u32 row, enum direction direction,
			     const struct packet *packet, u32 n_packets)
{
	struct verdict verdict = { .reason = source->unmatched, .template = source->default_template };
	s32 chosen = source->default_slots;

	if (packet->version) {
		u32 way = (row * 2 + direction - INGRESS) * 2 + (packet->version == 6), at;
		struct classifier *rules = row_of(&classifiers, generation, way);
		s32 bit = rules ? deciding_rule(generation, rules, packet) : NONE;
		struct decision *decision;
		u64 *count;

		if (bit == NONE || !rules)
			return verdict;
		at = rules->first_decision + bit;
		decision = row_of(&decisions, generation, at);
		if (!decision)
			return verdict;
		at = decision->rule;
		count = map_lookup_elem(&rules_counted, &at);
		if (count)
			*count += n_packets;
		verdict.template = decision->template;
		chosen = decision->slots;
		if (verdict.template == NONE) {
			verdict.reason = DROP_RULE;
			return verdict;
		}
	}
	if (verdict.template == NONE)
		return verdict;
	if (chosen != NONE) {
		u16 *slot = row_of(&slots, generation, chosen + (packet->flow >> (64 - SLOT_BITS)));

		verdict.template += slot ? *slot : 0;
	}
	verdict.reason = MIRRORED;
	return verdict;
}
