#!/usr/bin/env bash
# Every measurement that waits for a GPU, the most urgent first. The steps do not depend on each other,
# except that the later ones use the networks of the step train.
#
#     benchmarks/on_gpu.sh DATA OUT
#
# DATA: folder with the CIFAR Parquet files. OUT: folder for the results.
# Eight steps, sized for about ten minutes on a card of 2024.
set -uo pipefail
data=$1 out=$2
cd "$(dirname "$0")/.."
mkdir -p "$out"
python=${PYTHON:-python}
run() {
    local name=$1
    shift
    echo "== $name: $*"
    timeout "${LIMIT:-300}" "$@" > "$out/$name.json" 2> "$out/$name.err" || echo "   failed ($?): $(tail -1 "$out/$name.err")"
}
# Does it run at all, and does a grid on the card agree with one on the processor?
run tests "$python" -m pytest -q \
    tests/grid/test_grid.py tests/grid/test_representations.py tests/grid/test_storage_cost.py tests/fitting
for device in cuda cpu; do
    run "small-$device" "$python" -m modelstitch compare "zoo:R1111(width=16)" "zoo:R1111(width=16)" \
        --data digits --cuts layers.1,layers.3 --device "$device" --controls none --evidence none --steps 40 --json
done
# The three networks at full width, all 50,000 images.
run train "$python" benchmarks/train_full_width.py --data "$data" --out "$out/models"
models=$out/models
# What channels last, folding, bfloat16 and compilation gain, each with the steps after which compiling pays.
run halves "$python" benchmarks/frozen_halves.py "$models/R1111-w64-s0.safetensors" \
    --data "$data" --batch 256 --json
# The engine against the loop at width 64 on all images, one seed. The time of the paper's 256 pairs follows from it.
run grid "$python" benchmarks/grid_vs_cell.py --data "$data" \
    --models "$models" --width 64 --limit 50000 --seeds 0 --json
# Why the paper's similarity-trained stitches score 0.1, at the paper's width.
run match "$python" benchmarks/match_optimisers.py \
    "$models/R1111-w64-s0.safetensors" "$models/R1111-w64-s1.safetensors" --data "$data" --limit 50000 --json
# Are lower-triangle stitches hacks, at full width?
run hacks "$python" benchmarks/are_they_hacks.py --data "$data" \
    --models "$models" --width 64 --trained 50000 --json "$out/hacks-cells.json"
