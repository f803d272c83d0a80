/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every generation parameter: its names, kind, default, bounds and help, and nowhere else. Names and defaults are those
 * that llama.cpp made known, where it has the parameter; what it lacks is off by default.
 *
 * X(name, kind, default, lowest, highest, flags, other JSON names, help); commas separate flags and names.
 */
#ifndef FIRN_ENGINE_PARAMETER_LIST_H
#define FIRN_ENGINE_PARAMETER_LIST_H

/* The order of the stages that shape and truncate. Those that are off by default change nothing there. */
#define FIRN_DEFAULT_SAMPLERS                                                                                 \
    "[\"penalties\",\"dry\",\"top_n_sigma\",\"top_k\",\"tfs_z\",\"typ_p\",\"epsilon_cutoff\",\"eta_cutoff\"," \
    "\"top_p\",\"min_p\",\"xtc\",\"temperature\",\"adaptive_p\"]"

/* The stages: X(name, letter, other name). */
#define FIRN_STAGE_LIST(X)            \
    X(penalties, 'e', "penalties")    \
    X(dry, 'd', "dry")                \
    X(top_n_sigma, 's', "top_nsigma") \
    X(top_k, 'k', "top_k")            \
    X(tfs_z, 'z', "tfs")              \
    X(typ_p, 'y', "typical_p")        \
    X(epsilon_cutoff, 'c', "epsilon") \
    X(eta_cutoff, 'h', "eta")         \
    X(top_p, 'p', "nucleus")          \
    X(min_p, 'm', "min_p")            \
    X(xtc, 'x', "xtc")                \
    X(temperature, 't', "temp")       \
    X(adaptive_p, 'a', "adaptive")

/* clang-format off */
#define FIRN_SHAPING_LIST(X) \
    X(seed, SEED, FIRN_SEED_DRAW, -1, 18446744073709551614.0, "-s,--seed", "", \
      "noise is a function of it: same seed, same text; -1: drawn and reported") \
    X(samplers, ORDER, {FIRN_DEFAULT_SAMPLERS}, 0, 0, "--samplers,--sampler-seq,--sampling-seq", "sampler_seq", \
      "the stages and their order: names with ; between, or their letters") \
    X(temperature, REAL, 0.80, 0, 1000, "--temp,--temperature", "temp", \
      "how strong the noise is; 0: always the likeliest token") \
    X(dynatemp_range, REAL, 0, 0, 1000, "--dynatemp-range", "", \
      "temperature from T - X (where the model is sure) to T + X (where it isn't); 0: off") \
    X(dynatemp_exponent, REAL, 1, 0, 100, "--dynatemp-exp,--dynatemp-exponent", "", \
      "how the model's entropy, from 0 to 1, becomes a place in that range: entropy^X") \
    X(top_k, COUNT, 40, 0, INT32_MAX, "--top-k", "", "keep the X likeliest tokens; 0: all") \
    X(top_p, REAL, 0.95, 0, 1, "--top-p", "", "keep the likeliest tokens that together reach probability X; 1: all") \
    X(min_p, REAL, 0.05, 0, 1, "--min-p", "", "keep tokens at least X times as likely as the likeliest; 0: all") \
    X(typical_p, REAL, 1, 0, 1, "--typical,--typical-p", "typ_p", \
      "keep the tokens whose surprise is nearest to the expected, together of probability X; 1: all") \
    X(top_n_sigma, REAL, -1, -1, 1000, "--top-nsigma,--top-n-sigma", "", \
      "keep logits at most X standard deviations below the largest; 0 or less: all") \
    X(tfs_z, REAL, 1, 0, 1, "--tfs,--tfs-z", "tfs", \
      "tail-free: cut where the ranked probabilities' curvature has reached X of its sum; 1: off") \
    X(epsilon_cutoff, REAL, 0, 0, 1, "--epsilon-cutoff", "", "drop tokens less likely than X; 0: off") \
    X(eta_cutoff, REAL, 0, 0, 1, "--eta-cutoff", "", \
      "drop tokens less likely than the smaller of X and sqrt(X) e^-entropy; 0: off") \
    X(xtc_probability, REAL, 0, 0, 1, "--xtc-probability", "", \
      "with probability X, drop all tokens above xtc_threshold but the least likely of them; 0: off") \
    X(xtc_threshold, REAL, 0.10, 0, 1, "--xtc-threshold", "", "see xtc_probability; above 0.5: off") \
    X(adaptive_target, REAL, -1, -1, 1, "--adaptive-target", "", \
      "adaptive-p: prefer tokens of about probability X, steering the average there; below 0: off") \
    X(adaptive_decay, REAL, 0.90, 0, 0.99, "--adaptive-decay", "", "adaptive-p: how long earlier tokens count") \
    X(mirostat, COUNT, 0, 0, 2, "--mirostat", "", \
      "hold the surprise of the text at mirostat_tau: version 1 or 2; only temperature acts beside it; 0: off") \
    X(mirostat_tau, REAL, 5, 0, 100, "--mirostat-ent", "mirostat_ent", "mirostat: the surprise in bits") \
    X(mirostat_eta, REAL, 0.10, 0, 1, "--mirostat-lr", "mirostat_lr", "mirostat: how fast it learns") \
    X(repeat_last_n, COUNT, 64, -1, INT32_MAX, "--repeat-last-n", "", \
      "the last X tokens are those that the next three penalise; 0: off; -1: all") \
    X(repeat_penalty, REAL, 1, 0.01, 100, "--repeat-penalty,--repetition-penalty", "repetition_penalty", \
      "divides the logits of tokens that came before (multiplies those below 0); 1: off") \
    X(presence_penalty, REAL, 0, -100, 100, "--presence-penalty", "", "subtracted once from tokens that came before") \
    X(frequency_penalty, REAL, 0, -100, 100, "--frequency-penalty", "", "subtracted for each time that they came") \
    X(dry_multiplier, REAL, 0, 0, 1000, "--dry-multiplier", "", \
      "DRY: subtract X * base^(length - allowed) from a token that would go on repeating so long a stretch; 0: off") \
    X(dry_base, REAL, 1.75, 1, 100, "--dry-base", "", "DRY: base") \
    X(dry_allowed_length, COUNT, 2, 0, INT32_MAX, "--dry-allowed-length", "", "DRY: repeats shorter than X are free") \
    X(dry_penalty_last_n, COUNT, 64, -1, INT32_MAX, "--dry-penalty-last-n", "", \
      "DRY: repeats are looked for in the last X tokens; 0: off; -1: all") \
    X(dry_sequence_breakers, TEXTS, {"[\"\\n\",\":\",\"\\\"\",\"*\"]"}, 0, 0, "--dry-sequence-breaker", \
      "dry_sequence_breaker", "DRY: a token with such a text in it ends a stretch; a first flag replaces the defaults") \
    X(no_repeat_ngram_size, COUNT, 0, 0, 1000, "--no-repeat-ngram-size", "", \
      "never a stretch of X tokens twice; 0: off") \
    X(logit_bias, BIAS, {"[]"}, -1000, 1000, "-l,--logit-bias", "", \
      "add to a token's logit: ID+X, ID-X, TEXT-X; -inf: never; @N behind it: for the first N tokens only") \
    X(bad_words, TEXTS, {"[]"}, 0, 0, "--bad-words", "", \
      "a text whose last token never comes behind the others, as it is written alone or after a space") \
    X(banned_strings, TEXTS, {"[]"}, 0, 0, "--banned-string", "banned_string", \
      "a text that never appears: where it does, generation goes back and takes another way")

#define FIRN_GUIDANCE_LIST(X) \
    X(guidance, REAL, 1, 0, 100, "--guidance,--cfg-scale", "cfg_scale,guidance_scale", \
      "go X times as far from what the model says after the negative prompt to what it says after the prompt; 1: off") \
    X(contrast, REAL, 0, 0, 100, "--contrast", "", \
      "go X times the way from a weaker checkpoint's prediction further (needs --weaker-model); 0: off") \
    X(contrast_alpha, REAL, 0.10, 0, 1, "--contrast-alpha", "", \
      "with contrast, drop tokens less than X times as likely as the likeliest; 0: none")

#define FIRN_SEARCH_LIST(X) \
    X(n_beams, COUNT, 1, 1, 256, "--beams,--n-beams", "num_beams,beam_width", \
      "beam search: go on with the X likeliest texts at once, and give the best; nothing is drawn; 1: off") \
    X(best_of, COUNT, 1, 1, 256, "--best-of", "", "make X texts of noise of their own, and give the best; 1: off") \
    X(length_penalty, REAL, 1, -10, 10, "--length-penalty", "", \
      "a text is the better, the larger its log-probability over its length to the power of X")

#define FIRN_STEPS_LIST(X) \
    X(n_predict, COUNT, -1, -1, INT32_MAX, "-n,--predict,--n-predict", "max_tokens,max_completion_tokens", \
      "tokens to generate; -1: until the text ends or the context is full") \
    X(min_tokens, COUNT, 0, 0, INT32_MAX, "--min-tokens", "", "the text doesn't end before X tokens") \
    X(ignore_eos, SWITCH, false, 0, 1, "--ignore-eos", "", "tokens that end the text never come") \
    X(stop, TEXTS, {"[]"}, 0, 0, "-r,--reverse-prompt,--stop", "", "a text that ends the generation, and isn't part of it") \
    X(stop_token_ids, IDS, {"[]"}, 0, 0, "--stop-token-id", "", "the id of a token that ends the generation") \
    X(t_max_predict_ms, COUNT, 0, 0, INT32_MAX, "--time-limit-ms", "", \
      "milliseconds after which no more tokens are generated; 0: no limit")
/* clang-format on */

#define FIRN_PARAMETER_LIST(X) \
    FIRN_SHAPING_LIST(X)       \
    FIRN_GUIDANCE_LIST(X)      \
    FIRN_SEARCH_LIST(X)        \
    FIRN_STEPS_LIST(X)

#endif
