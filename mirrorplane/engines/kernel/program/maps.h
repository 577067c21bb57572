/* The maps: everything that the programs know and count.
 *
 * Owns where things are kept. A table is an array of two inner maps, one a generation: a packet is judged and
 * encapsulated by one of them, whatever is written meanwhile.
 */
#pragma once

#include "structs.h"

#define ONE(name, kind, row, count)                                                                          \
	struct {                                                                                             \
		NUMBER(type, kind);                                                                          \
		NUMBER(max_entries, count);                                                                  \
		TYPE(key, u32);                                                                              \
		TYPE(value, row);                                                                            \
	} name SECTION(".maps")

#define TABLE(name, row)                                                                                     \
	struct name##_of_a_generation {                                                                      \
		NUMBER(type, BPF_MAP_TYPE_ARRAY);                                                            \
		NUMBER(map_flags, BPF_F_INNER_MAP);                                                          \
		NUMBER(max_entries, 1);                                                                      \
		TYPE(key, u32);                                                                              \
		TYPE(value, row);                                                                            \
	};                                                                                                   \
	struct {                                                                                             \
		NUMBER(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);                                                    \
		NUMBER(max_entries, GENERATIONS);                                                            \
		TYPE(key, u32);                                                                              \
		VALUES(values, struct name##_of_a_generation);                                               \
	} name SECTION(".maps")

ONE(settings, BPF_MAP_TYPE_ARRAY, struct control, 1);
ONE(buckets, BPF_MAP_TYPE_ARRAY, struct bucket, N_BUCKETS);
ONE(queues, BPF_MAP_TYPE_ARRAY, struct queue, MAX_CPUS);
ONE(ways, BPF_MAP_TYPE_PERCPU_ARRAY, struct way, N_DIRECTIONS * MAX_SOURCES);
ONE(tallies, BPF_MAP_TYPE_PERCPU_ARRAY, struct tally, MAX_SESSIONS);
ONE(rules_counted, BPF_MAP_TYPE_PERCPU_ARRAY, u64, MAX_RULES);

struct {
	NUMBER(type, BPF_MAP_TYPE_HASH);
	NUMBER(max_entries, MAX_SOURCES);
	TYPE(key, struct place);
	TYPE(value, struct device);
} devices SECTION(".maps");

struct {
	NUMBER(type, BPF_MAP_TYPE_HASH);
	NUMBER(max_entries, 65536);
	NUMBER(map_flags, BPF_F_NO_PREALLOC);
	TYPE(key, struct tunnel);
	TYPE(value, u32);
} tunnels SECTION(".maps");

TABLE(sources, struct source);
TABLE(classifiers, struct classifier);
TABLE(nodes, struct node);
TABLE(bitmaps, u64);
TABLE(decisions, struct decision);
TABLE(slots, u16);
TABLE(templates, struct template);

/* What Python keeps of the instance, for the one that adopts it. Only the first is used. */
TABLE(ledger, struct page);

/* Which of the network namespaces that are mirrored from the program is loaded for. */
const volatile u32 namespace = 0;

INLINE void *table(void *generations, u32 generation)
{
	return map_lookup_elem(generations, &generation);
}

INLINE void *row_of(void *generations, u32 generation, u32 row)
{
	void *rows = table(generations, generation);

	return rows ? map_lookup_elem(rows, &row) : 0;
}
