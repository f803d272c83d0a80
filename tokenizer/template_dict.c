/* SPDX-License-Identifier: Apache-2.0 */
/* Dicts: entries in the order of their coming, with an index of hashes when there are many. */
#include "tokenizer/template_p.h"

static uint64_t hash_number(tok_value key)
{
    double value = tok_to_double(key);
    if (value == 0)
        value = 0; /* -0.0 equals 0 */
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits * 0x9E3779B97F4A7C15U;
}

static uint64_t hash(tok_render *render, tok_value key)
{
    uint64_t result = 0xCBF29CE484222325U;
    if (tok_is_number(key))
        return hash_number(key) ^ hash_number(key) >> 32;
    if (key.type == TOK_V_TEXT) {
        tok_charge(render, key.as.text->length / 64);
        for (size_t i = 0; i < key.as.text->length; i++)
            result = (result ^ (unsigned char)key.as.text->data[i]) * 0x100000001B3U;
        return result ^ result >> 32;
    }
    if (key.type == TOK_V_TUPLE) {
        tok_enter(render);
        for (size_t i = 0; i < key.as.sequence->count; i++)
            result = (result ^ hash(render, key.as.sequence->items[i])) * 0x100000001B3U;
        tok_leave(render);
        return result;
    }
    if (key.type == TOK_V_LIST || key.type == TOK_V_DICT || (key.type == TOK_V_VIEW))
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "unhashable type: '%s'", tok_type_name(key));
    return key.type;
}

tok_dict *tok_dict_new(tok_guard *guard)
{
    tok_dict *dict = tok_allocate(guard, sizeof *dict);
    *dict = (tok_dict){.count = 0};
    return dict;
}

enum { INDEX_FROM = 8 }; /* entries from which an index pays */

/* The entry with that key, or NULL. With an index, *slot is where the entry's number is or belongs. */
static tok_entry *locate(tok_render *render, const tok_dict *dict, tok_value key, size_t *slot)
{
    uint64_t code = hash(render, key);
    if (dict->index == NULL) {
        for (size_t i = 0; i < dict->count; i++)
            if (tok_equal(render, dict->entries[i].key, key))
                return &dict->entries[i];
        return NULL;
    }
    size_t probe = (size_t)code & (dict->index_size - 1);
    while (dict->index[probe] != 0) {
        tok_entry *entry = &dict->entries[dict->index[probe] - 1];
        if (tok_equal(render, entry->key, key)) {
            *slot = probe;
            return entry;
        }
        tok_charge(render, 1);
        probe = (probe + 1) & (dict->index_size - 1);
    }
    *slot = probe;
    return NULL;
}

static void build_index(tok_render *render, tok_dict *dict)
{
    size_t size = dict->index_size == 0 ? 4 * INDEX_FROM : 2 * dict->index_size;
    dict->index = tok_allocate_array(&render->guard, size, sizeof *dict->index);
    dict->index_size = size;
    for (size_t i = 0; i < dict->count; i++) {
        size_t probe = (size_t)hash(render, dict->entries[i].key) & (size - 1);
        while (dict->index[probe] != 0) {
            tok_charge(render, 1);
            probe = (probe + 1) & (size - 1);
        }
        dict->index[probe] = (uint32_t)i + 1;
    }
}

void tok_dict_set(tok_render *render, tok_dict *dict, tok_value key, tok_value value)
{
    size_t slot = 0;
    tok_entry *entry = locate(render, dict, key, &slot);
    if (entry != NULL) {
        entry->value = value;
        return;
    }
    entry = tok_grow(&render->guard, (void **)&dict->entries, dict->count, &dict->capacity, sizeof *entry);
    *entry = (tok_entry){key, value};
    dict->count++;
    if (dict->index != NULL)
        dict->index[slot] = (uint32_t)dict->count;
    if (dict->count > INDEX_FROM && dict->count * 2 > dict->index_size)
        build_index(render, dict);
}

const tok_value *tok_dict_get(tok_render *render, const tok_dict *dict, tok_value key)
{
    size_t slot;
    const tok_entry *entry = locate(render, dict, key, &slot);
    return entry != NULL ? &entry->value : NULL;
}

const tok_value *tok_dict_find(tok_render *render, const tok_dict *dict, base_slice key)
{
    tok_text text = {.data = key.data, .length = (uint32_t)key.length};
    return tok_dict_get(render, dict, (tok_value){.type = TOK_V_TEXT, .as.text = &text});
}
