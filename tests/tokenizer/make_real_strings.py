#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/data/tokenizer/real/strings.json: 2,000 texts that tokenizers disagree about when they are wrong.

Texts of 36 scripts in many surroundings, emoji sequences, control and invisible characters, white space, numbers,
contractions, source code, special tokens, long runs, and code points picked at random. The same texts come out every
time (of the same Python: names of characters are asked of its Unicode tables). Broken UTF-8 can't be in here, as the
reference takes text and not bytes: test_round_trip.c makes it.
"""
import json
import pathlib
import random
import unicodedata

OUT = pathlib.Path(__file__).parent.parent / "data" / "tokenizer" / "real" / "strings.json"
COUNT = 2000

SENTENCES = {
    "Latin": "The river froze last night, and nobody's boat could leave.",
    "Latin-German": "Die Straße über den Fluß war größer als erwartet; ÄRGERLICH!",
    "Latin-French": "L’été dernier, on n'a pas vu la mer à Sète… dommage !",
    "Latin-Vietnamese": "Hôm qua trời mưa to, đường phố ngập đầy nước.",
    "Latin-Turkish": "İstanbul'da ışıklar söndü, ILIK bir gece başladı.",
    "Latin-Polish": "Zażółć gęślą jaźń, źdźbło trawy drży na wietrze.",
    "Cyrillic": "Вчера ночью река замёрзла, и лодки остались у берега.",
    "Cyrillic-Serbian": "Љубав и њежност; ђак чека Џорџа код куће.",
    "Greek": "Το ποτάμι πάγωσε χθες· κανείς δεν έφυγε, ΕΛΛΆΔΑ.",
    "Armenian": "Գետը երեկ սառեց, նավակները մնացին ափին։",
    "Georgian": "მდინარე წუხელ გაიყინა და ნავები ნაპირზე დარჩა.",
    "Hebrew": "הנהר קפא אתמול בלילה, והסירות נשארו בחוף; שָׁלוֹם.",
    "Arabic": "تجمّد النهر ليلة أمس، وبقيت القوارب عند الشاطئ؟ مُدَرِّسَة",
    "Persian": "رودخانه دیشب یخ زد و قایق‌ها کنار ساحل ماندند ۱۲۳۴.",
    "Urdu": "دریا کل رات جم گیا، کشتیاں کنارے پر رہیں۔",
    "Syriac": "ܫܠܡܐ ܥܠܝܟܘܢ ܟܬܒܐ ܗܢܐ ܚܕܬܐ ܗܘ",
    "Thaana": "ދިވެހި ބަހުން މި ފޮތް ލިޔެފައި ވަނީ",
    "Nko": "ߒߞߏ ߞߊ߲ ߦߋ߫ ߛߓߍ߫ ߟߊ߫ ߦߊ߲߬",
    "Devanagari": "नदी कल रात जम गई, और नावें किनारे पर रह गईं। १२३४५",
    "Bengali": "নদী গতরাতে জমে গেছে, নৌকাগুলো তীরে রয়ে গেল। ৪৫৬",
    "Gurmukhi": "ਨਦੀ ਕੱਲ੍ਹ ਰਾਤ ਜੰਮ ਗਈ, ਕਿਸ਼ਤੀਆਂ ਕੰਢੇ ਰਹੀਆਂ।",
    "Gujarati": "નદી ગઈ રાત્રે થીજી ગઈ, હોડીઓ કિનારે રહી.",
    "Oriya": "ନଦୀ ଗତ ରାତିରେ ଜମିଗଲା, ଡଙ୍ଗା କୂଳରେ ରହିଲା।",
    "Tamil": "நேற்று இரவு ஆறு உறைந்தது, படகுகள் கரையில் நின்றன.",
    "Telugu": "నిన్న రాత్రి నది గడ్డకట్టింది, పడవలు ఒడ్డున ఉన్నాయి.",
    "Kannada": "ನಿನ್ನೆ ರಾತ್ರಿ ನದಿ ಹೆಪ್ಪುಗಟ್ಟಿತು, ದೋಣಿಗಳು ದಡದಲ್ಲಿ ಉಳಿದವು.",
    "Malayalam": "ഇന്നലെ രാത്രി പുഴ ഉറഞ്ഞു, വള്ളങ്ങൾ കരയിൽ കിടന്നു.",
    "Sinhala": "ඊයේ රාත්‍රියේ ගඟ මිදුණා, බෝට්ටු ඉවුරේ නතර විය.",
    "Thai": "เมื่อคืนแม่น้ำเป็นน้ำแข็ง เรือจึงออกไม่ได้ ๕๖๗",
    "Lao": "ແມ່ນ້ຳກາຍເປັນນ້ຳກ້ອນເມື່ອຄືນນີ້ ເຮືອຈຶ່ງຢູ່ຝັ່ງ",
    "Tibetan": "མདང་དགོང་གཙང་པོ་འཁྱགས་པ་ཆགས་སོང་། གྲུ་རྣམས་འགྲམ་དུ་ལུས།",
    "Myanmar": "မနေ့ညက မြစ်ရေခဲသွားပြီး လှေများ ကမ်းမှာ ကျန်ခဲ့သည်။",
    "Khmer": "ទន្លេបានកកកាលពីយប់មិញ ហើយទូកនៅសល់នៅច្រាំង។",
    "Ethiopic": "ወንዙ ትናንት ማታ ቀዘቀዘ፣ ጀልባዎቹም በዳር ቀሩ። ፩፪፫",
    "Hangul": "어젯밤에 강이 얼어서 배들이 강가에 남았습니다. ㅋㅋㅋ",
    "Hiragana": "きのうのよる、かわがこおって、ふねはきしにのこった。",
    "Katakana": "コンピューターガチョットオカシイ、カモシレナイ・・・ﾊﾝｶｸ",
    "Han-simplified": "昨天夜里河水结冰了，船都停在岸边；3月5日，共计1234艘！",
    "Han-traditional": "昨夜河水結冰了，船隻都停在岸邊。「為什麼？」他問。",
    "Japanese": "昨夜、川が凍って、船は岸に残った（２０２６年）。東京都々",
    "Mongolian": "ᠮᠣᠩᠭᠣᠯ ᠪᠢᠴᠢᠭ ᠦᠨ ᠳᠡᠪᠲᠡᠷ",
    "Cherokee": "ᎣᏏᏲ ᏣᎳᎩ ᎦᏬᏂᎯᏍᏗ ꭳꮟꮿ",
    "Canadian": "ᐃᓄᒃᑎᑐᑦ ᐅᖃᐅᓯᖅ ᓄᓇᕗᒻᒥ",
    "Javanese": "ꦲꦏ꧀ꦱꦫꦗꦮ ꦱꦸꦒꦼꦁ",
    "Gothic": "𐌰𐍄𐍄𐌰 𐌿𐌽𐍃𐌰𐍂 𐌸𐌿 𐌹𐌽 𐌷𐌹𐌼𐌹𐌽𐌰𐌼",
    "Coptic": "ⲡⲉⲛⲓⲱⲧ ⲉⲧϧⲉⲛ ⲛⲓⲫⲏⲟⲩⲓ",
    "Tifinagh": "ⵜⴰⵎⴰⵣⵉⵖⵜ ⴷ ⵜⵓⵜⵍⴰⵢⵜ",
    "Yi": "ꆈꌠꁱꂷ ꀊꆿꊈ",
    "Hieroglyphs": "𓀀𓁐𓂋𓈖 𓊪𓏏",
    "Mathematical": "𝐇𝐞𝐥𝐥𝐨 𝒲ℴ𝓇𝓁𝒹 𝟘𝟙𝟚 ∀x∈ℝ: x² ≥ 0 ⇒ √x¹⁄₂",
}

CODE = [
    "int main(int argc, char **argv)\n{\n\tfor (int i = 0; i < argc; i++)\n\t\tputs(argv[i]);\n\treturn 0;\n}\n",
    "def fibonacci(n):\n    a, b = 0, 1\n    while n > 0:\n        a, b, n = b, a + b, n - 1\n    return a\n\n\nprint(fibonacci(90))",
    "const total = items.filter(x => x?.price >= 10).map(({price: p}) => p * 1.19).reduce((a, b) => a + b, 0);",
    "#include <stdint.h>\n#define MAX(a,b) ((a)>(b)?(a):(b))\nstatic const uint32_t table[4] = {0xFFu, 0x1F, 017, 1e-3};",
    "SELECT u.name, COUNT(*) AS n FROM users u LEFT JOIN orders o ON o.user_id=u.id WHERE u.age>=18 GROUP BY 1 HAVING n<>0;",
    "<div class=\"row\" id='x1'><!-- note --><a href=\"/a?b=c&amp;d=%20e\">Ünï</a><br/></div>",
    "fn main() -> Result<(), Box<dyn Error>> {\n    let v: Vec<_> = (0..10).collect();\n    println!(\"{:?}\", &v[1..]);\n    Ok(())\n}",
    "{\"a\": [1, 2.50, -3e10, true, null], \"b\\n\": \"\\u00e9\\\\\", \"c\": {}}",
    "for f in *.txt; do sed -e 's/[0-9]\\{3\\}/<&>/g' \"$f\" | awk '{print $2}' > \"${f%.txt}.out\" 2>&1 || exit 1; done",
    "  \n\t \t x = [ ]  ;;; (defun f (x) (if (null x) nil (cons (car x) (f (cdr x)))))   \n\n\n   ",
    "package main\n\nimport \"fmt\"\n\nfunc main() {\n\tch := make(chan int, 3)\n\tgo func() { ch <- 1 }()\n\tfmt.Printf(\"%d\\n\", <-ch)\n}\n",
    "\\begin{equation}\n  \\int_0^\\infty e^{-x^2}\\,dx = \\frac{\\sqrt{\\pi}}{2} % Gauss\n\\end{equation}",
    "public static void main(String[] args) throws IOException { System.out.println(\"He'll say: \\\"I'VE DONE it\\\"\"); }",
    "--- a/file.c\n+++ b/file.c\n@@ -1,3 +1,4 @@\n-old line\n+new line\n \tunchanged\n\\ No newline at end of file\n",
    "# Title\n\n* item **bold** _it_\n  1. `code` [link](http://example.org/~u/?q=1#top)\n\n> quote\n\n```py\npass\n```\n",
]

WORDS = ["I'll", "I'LL", "don't", "DON'T", "we've", "'tis", "it's", "IT'S", "they're", "x'y", "'s", "'S", "’s", "o'clock",
         "rock'n'roll", "'d", "'Dx", "'re", "'ReX", "can't've", "naïve", "café", "cafe\u0301", "Ångström", "A\u030angstro\u0308m",
         "ﬁnger", "ﬃ", "Ǆ", "ǅ", "ǆ", "İi", "ſ", "ẞß", "Σίσυφος", "ΣΑΣ", "ＦＵＬＬ", "ｗｉｄｔｈ", "①②", "Ⅻ", "ⅻ", "㎏", "½", "²³", "٣٤٥", "๓๔",
         "CamelCaseWord", "snake_case_word", "kebab-case", "SCREAMING_CASE", "HTTPServer2Go", "iPhone15Pro", "a1b2c3", "x86_64",
         "user@example.org", "https://example.org/a/b?c=d&e=f#g", "C:\\Temp\\new.txt", "/usr/lib/x.so.6", "192.168.0.1", "::1",
         "$1,234.56", "3.14159265358979", "1e-10", "0xDEADBEEF", "1234567890123", "12:34:56", "2026-11-22", "+49 (0)30/123", "50%",
         "....", "...", "!!!", "?!?!", "---", "===", "***", "~~~", "«»", "“”", "‘’", "–—", "•", "©®™", "€£¥", "±×÷", "→⇒", "█▓", "♠♥"]

EMOJI = ["😀", "😂🤣", "👍", "👍🏽", "👩‍👩‍👧‍👦", "🏳️‍🌈", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "🇩🇪", "🇩🇪🇫🇷🇯", "1️⃣", "#️⃣", "❤️", "❤", "☺️", "👨🏿‍🚀", "🧑‍🤝‍🧑", "🤷🏻‍♀️", "🫠", "🩷", "🪿", "🥹",
         "✅", "⚠️", "🔥🔥🔥", "💯", "🀄", "🂡", "🎉🎊", "🐈‍⬛", "👁️‍🗨️", "⌚", "⏰", "🕐", "🈁", "🆗", "🚀", "🦀", "🐍", "\u200d", "\ufe0f", "🏽"]

SPECIAL = ["<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|begin_of_text|>", "<|eot_id|>", "<|start_header_id|>", "<s>", "</s>", "<unk>",
           "<bos>", "<eos>", "<pad>", "<start_of_turn>", "<end_of_turn>", "[INST]", "[/INST]", "<<SYS>>", "[CLS]", "[SEP]", "[MASK]", "[UNK]",
           "[PAD]", "<think>", "</think>", "<tool_call>", "<|fim_prefix|>", "<｜begin▁of▁sentence｜>", "<｜User｜>", "<BOS_TOKEN>",
           "<|START_OF_TURN_TOKEN|>", "<|endofprompt|>", "<0x0A>", "<0xC3>", "▁", "▁▁", "Ġ", "Ċ", "Ġthe", "<unused0>", "\n\n", "  ", "<mask>"]

SPACES = [" ", "  ", "   ", "\t", "\t\t", "\n", "\n\n", "\n\n\n", "\r\n", "\r", "\r\n\r\n", " \n", "\n ", " \t ", "\u00a0", "\u3000", "\u2003", "\u2028",
          "\u2029", "\u0085", "\u200b", "\v", "\f", "\u1680", "\u202f", "\u205f", "\u180e", "\ufeff"]


def long_runs():
    for unit in ["a", " ", "\n", "\t", "7", "!", "=", "ab", "的", "é", "e\u0301", "\u0301", "😀", " x", "\n\t", "ก", "العربية", "\r\n", "_-", "0a", "'s", "▁"]:
        for length in (70, 600):
            yield unit * (length // len(unit))
    yield "supercalifragilistic" * 30
    yield "A" * 200 + " " * 300 + "b" + " " * 5
    yield "".join(chr(0x4E00 + i * 7) for i in range(500))


def script_texts(pick):
    for sentence in SENTENCES.values():
        words = sentence.split(" ")
        yield sentence
        yield " " + sentence
        yield sentence.upper()
        yield sentence + "\n\n" + sentence[: len(sentence) // 2]
        yield unicodedata.normalize("NFD", sentence)
        yield unicodedata.normalize("NFC", sentence).replace(" ", "")
        yield "".join(pick.choice([w, w + pick.choice(SPACES), w + str(pick.randrange(100000))]) for w in words)
        yield pick.choice(WORDS) + pick.choice([" ", ""]) + pick.choice(words) + pick.choice(EMOJI) + pick.choice(words)
        for _ in range(8):
            start = pick.randrange(len(sentence))
            yield sentence[start: start + pick.randrange(1, 16)]
        other = pick.choice(list(SENTENCES.values()))
        yield sentence[: pick.randrange(3, 20)] + other[: pick.randrange(3, 20)]


def mixed_texts(pick):
    for code in CODE:
        yield code
        lines = code.split("\n")
        for _ in range(9):
            start = pick.randrange(len(code))
            yield code[start: start + pick.randrange(5, 90)]
        yield "\n".join("    " * pick.randrange(4) + line for line in lines)
        yield code.replace("    ", "\t").replace("\n", "\r\n")
    for word in WORDS:
        yield word
        yield " " + word + " "
        yield "(" + word + ")\n" + word.lower() + word
    for emoji in EMOJI:
        yield emoji
        yield "ok " + emoji + " " + emoji + pick.choice(EMOJI) + "!"
        yield pick.choice(WORDS) + emoji + pick.choice(WORDS)
    for special in SPECIAL:
        yield special
        yield "a " + special + " b"
        yield pick.choice(WORDS) + special + pick.choice(SPACES) + pick.choice(WORDS)
    for space in SPACES:
        yield space
        yield "a" + space + "b"
        yield space + pick.choice(SPACES) + "x" + pick.choice(SPACES) + pick.choice(SPACES) + pick.choice(SPACES)
    for code in list(range(0x00, 0x20)) + list(range(0x7F, 0xA0)) + [0xAD, 0x34F, 0x61C, 0x200C, 0x200D, 0x200E, 0x202E, 0x2060, 0x2066,
                                                                    0xE000, 0xFDD0, 0xFFF9, 0xFFFD, 0xFFFE, 0xFFFF, 0x1D173, 0xE0001,
                                                                    0xF0000, 0x10FFFD, 0x10FFFF, 0x378, 0x2FE0, 0x1FFFF]:
        yield "a" + chr(code) + "b " + chr(code) * 2


# Characters that the reference's normal forms and BERT's steps are too old for.
NEW = ((0xFDC0, 0xFDCF), (0x10780, 0x107BF), (0x11A00, 0x11AAF), (0x11F00, 0x11F5F), (0x1CC00, 0x1CFCF), (0x1E030, 0x1E08F))


def random_text(pick):
    """Code points of one block or of everywhere, with marks, digits and spaces between them."""
    kind = pick.randrange(4)
    length = pick.randrange(1, 24)
    if kind == 0:
        base = pick.randrange(0x80, 0x3000) & ~0x7F
        codes = [base + pick.randrange(0x80) for _ in range(length)]
    elif kind == 1:
        codes = [pick.choice([pick.randrange(0x20, 0x250), pick.randrange(0x300, 0x370), pick.randrange(0x4E00, 0xA000), 0x20])
                 for _ in range(length)]
    elif kind == 2:
        codes = [pick.choice([0x20, 0x27, 0x0A, 0x0D, 0x09, 0x73, 0x53, 0x74, 0x31, 0x2E, 0x2F, 0x5F, 0xE9, 0x4E00]) for _ in range(length)]
    else:
        codes = [pick.choice([pick.randrange(0x10000, 0x20000), pick.randrange(0x20000, 0x2A6E0), pick.randrange(0xA000, 0xD7A4),
                              pick.randrange(0xF900, 0xFFFE), 0x20]) for _ in range(length)]
    return "".join(chr(code) for code in codes if not any(first <= code <= last for first, last in NEW))


def main():
    pick = random.Random(20261122)
    texts = list(dict.fromkeys([*long_runs(), *script_texts(pick), *mixed_texts(pick)]))
    while len(texts) < COUNT:
        texts = list(dict.fromkeys([*texts, random_text(pick)]))
    assert len(texts) == COUNT, len(texts)
    OUT.write_text(json.dumps(texts, ensure_ascii=False, indent=0) + "\n")


if __name__ == "__main__":
    main()
