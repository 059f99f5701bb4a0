#!/bin/sh
# What it costs to build on tapegrad: the umbrella header's compile time, a program's size and libraries, its start.
#   measure.sh BUILD SCRATCH     BUILD: a release build tree; SCRATCH: a folder for an installation and a user's build
# Prints the figures beside what they should be. Fails when size or libraries exceed theirs; times depend on the machine.
set -eu
LC_ALL=C
export LC_ALL

build=$1
mkdir -p "$2"
scratch=$(CDPATH='' cd -- "$2" && pwd)
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

# milliseconds_each COUNT COMMAND...: of so many runs in a row, so that the clock's own cost does not count
milliseconds_each() {
  count=$1
  shift
  from=$(date +%s%N)
  i=0
  while [ "$i" -lt "$count" ]; do
    "$@"
    i=$((i + 1))
  done
  awk -v from="$from" -v to="$(date +%s%N)" -v count="$count" 'BEGIN { print (to - from) / 1e6 / count }'
}
# median ROUNDS COUNT COMMAND...: of milliseconds_each in several rounds
median() {
  rounds=$1
  shift
  round=0
  while [ "$round" -lt "$rounds" ]; do
    milliseconds_each "$@"
    round=$((round + 1))
  done | sort -n | sed -n "$((rounds / 2 + 1))p"
}

cmake --install "$build" --prefix "$scratch/prefix" >/dev/null
cmake -S "$here" -B "$scratch/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS_RELEASE=-O2 \
  -DCMAKE_PREFIX_PATH="$scratch/prefix" >/dev/null
cmake --build "$scratch/build" >/dev/null

program="$scratch/build/first_gradient"
compile_umbrella() { c++ -std=c++20 -O2 -fopenmp -I "$scratch/prefix/include" -c "$here/umbrella.cpp" -o "$scratch/umbrella.o"; }
# Once by themselves: what fails in a pipe below would go unnoticed.
compile_umbrella
"$program"
compile=$(median 5 1 compile_umbrella)
size=$(stat -c %s "$program")
libraries=$(ldd "$program" | grep -c '=>')
start=$(median 5 20 "$program")

printf 'compiling the umbrella header, c++ -O2      %8.2f s     (at most 1)\n' "$(awk -v ms="$compile" 'BEGIN { print ms / 1000 }')"
printf 'a transformer, linked statically, stripped  %8.2f MB    (at most 4)\n' "$(awk -v b="$size" 'BEGIN { print b / 1e6 }')"
printf 'shared libraries it needs                   %8d       (at most 8)\n' "$libraries"
printf 'from start to first gradient and exit       %8.1f ms    (at most 20)\n' "$start"
[ "$size" -le 4000000 ] || { echo "the program is too large" >&2; exit 1; }
[ "$libraries" -le 8 ] || { echo "the program needs too many libraries" >&2; exit 1; }
