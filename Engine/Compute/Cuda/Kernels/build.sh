#!/usr/bin/env bash
# Builds every kernel source for every target and writes what was built from what: bin/sm_XX/NAME.cubin.gz,
# bin/ptx/NAME.ptx.gz (a quarter of their size as they are), bin/manifest.json. Needs gzip, nvcc 12.8 or later (the first
# that knows sm_120) and nothing else of CUDA.
#   NVCC=/usr/local/cuda/bin/nvcc JOBS=8 ./build.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

NVCC=${NVCC:-nvcc}
JOBS=${JOBS:-$(nproc)}
# No fast math: kernels are checked against the CPU's results, and say themselves where an approximation will do.
FLAGS=(-O3 -std=c++17)
# A CUBIN serves its own compute capability and later ones of the same major number; PTX of the least serves the rest.
ARCHITECTURES=(80 86 89 90 100 120)
PTX_ARCHITECTURE=80

if ! command -v "$NVCC" > /dev/null; then
    [ -x /usr/local/cuda/bin/nvcc ] || { echo "build.sh: no nvcc; put it in PATH or name it in NVCC" >&2; exit 1; }
    NVCC=/usr/local/cuda/bin/nvcc
fi

shopt -s nullglob
sources=(*.cu)
headers=(*.cuh)
[ ${#sources[@]} -gt 0 ] || { echo "build.sh: no .cu files in $PWD" >&2; exit 1; }

built=$(mktemp -d)
trap 'rm -rf "$built"' EXIT
jobs_list=$built/jobs
for source in "${sources[@]}"; do
    name=${source%.cu}
    for architecture in "${ARCHITECTURES[@]}"; do
        mkdir -p "$built/bin/sm_$architecture"
        echo "-cubin -arch=sm_$architecture $source -o $built/bin/sm_$architecture/$name.cubin"
    done
    mkdir -p "$built/bin/ptx"
    echo "-ptx -arch=compute_$PTX_ARCHITECTURE $source -o $built/bin/ptx/$name.ptx"
done > "$jobs_list"

echo "build.sh: $(wc -l < "$jobs_list") files of ${#sources[@]} sources, $JOBS at a time, $("$NVCC" --version | tail -n 1)"
# One argument list a line; a failing compiler ends the build with its own words.
xargs -P "$JOBS" -L 1 "$NVCC" "${FLAGS[@]}" < "$jobs_list"
find "$built/bin" -type f -print0 | xargs -0 -P "$JOBS" -n 8 gzip -9n

# "name": "sha256" of each file named on standard input, as the lines of a JSON object.
hashes() {
    sort | while IFS= read -r file; do
        printf '    "%s": "%s"\n' "$file" "$(sha256sum "$file" | cut -d ' ' -f 1)"
    done | sed '$!s/$/,/'
}

{
    printf '{\n'
    printf '  "compiler": "%s",\n' "$("$NVCC" --version | sed -n 's/^Cuda compilation tools, //p')"
    printf '  "flags": "%s",\n' "${FLAGS[*]}"
    printf '  "sources": {\n%s\n  },\n' "$(printf '%s\n' "${sources[@]}" "${headers[@]}" | LC_ALL=C hashes)"
    printf '  "outputs": {\n%s\n  }\n' "$(cd "$built/bin" && printf '%s\n' */* | LC_ALL=C hashes)"
    printf '}\n'
} > "$built/manifest.json"

# Only a whole build replaces what is there.
rm -rf bin
mv "$built/bin" bin
mv "$built/manifest.json" bin/manifest.json
find bin -type d -exec chmod 755 {} +
find bin -type f -exec chmod 644 {} +
du -sh bin
