/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/constraint_reader.h"

#include "base/memory.h"

firn_status eng_fault(const eng_reader *reader, size_t at, firn_status status, const char *what)
{
    return eng_text_fault(reader->text, at, status, reader->error, "%s", what);
}

firn_status eng_reader_open(eng_reader *reader)
{
    if (reader->n_groups > ENG_NESTING_MOST)
        return eng_text_fault(reader->text, reader->at, FIRN_ERROR_LIMIT, reader->error,
                              "more than %d groups inside each other", ENG_NESTING_MOST);
    reader->groups[reader->n_groups++] =
        (eng_reader_group){.choice = eng_ir_node_of(reader->ir, ENG_IR_CHOICE), .at = reader->at};
    eng_reader_alternative(reader);
    return FIRN_OK;
}

void eng_reader_alternative(eng_reader *reader)
{
    eng_reader_group *const group = &reader->groups[reader->n_groups - 1];
    group->sequence = eng_ir_node_of(reader->ir, ENG_IR_SEQUENCE);
    eng_ir_add(reader->ir, group->choice, group->sequence);
}

void eng_reader_close(eng_reader *reader)
{
    reader->at++;
    reader->n_groups--;
    eng_reader_add(reader, reader->groups[reader->n_groups].choice);
}

void eng_reader_add(eng_reader *reader, uint32_t item)
{
    eng_ir_add(reader->ir, reader->groups[reader->n_groups - 1].sequence, item);
}

firn_status eng_reader_repeat(eng_reader *reader)
{
    const char c = eng_peek(reader);
    uint32_t low = c == '+', high = c == '?' ? 1 : ENG_IR_UNBOUNDED;
    const uint32_t item = eng_reader_last(reader);
    if (item == 0)
        return eng_fault(reader, reader->at, FIRN_ERROR_FORMAT, "nothing stands before this repetition");
    reader->at++;
    if (c == '{' && !eng_parse_bounds(reader->text, &reader->at, &low, &high, reader->error))
        return reader->error->status;
    eng_ir_wrap(reader->ir, item, low, high);
    return FIRN_OK;
}

uint32_t eng_reader_last(const eng_reader *reader)
{
    const eng_reader_group *const group = &reader->groups[reader->n_groups - 1];
    return eng_ir_failed(reader->ir) ? 0 : reader->ir->nodes[group->sequence].last_child;
}

bool eng_reader_at_range(const eng_reader *reader)
{
    return eng_peek(reader) == '-' && reader->at + 1 < reader->text.length && reader->text.data[reader->at + 1] != ']';
}

firn_status eng_reader_add_range(eng_reader *reader, size_t at, uint32_t first, uint32_t last)
{
    if (last < first)
        return eng_fault(reader, at, FIRN_ERROR_FORMAT, "a range of the class ends below its beginning");
    if (!base_grow(&reader->ranges, &reader->room_ranges, reader->n_ranges + 1, sizeof *reader->ranges))
        return eng_fault(reader, at, FIRN_ERROR_MEMORY, "no memory for a class");
    reader->ranges[reader->n_ranges++] = (eng_ir_range){first, last};
    return FIRN_OK;
}
