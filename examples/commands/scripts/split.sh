# Deals the lines of corpus.txt out to four parts.
set -eu
mkdir -p parts
awk '{ part = (NR - 1) % 4 + 1; print > ("parts/part-" part ".txt") }' corpus.txt
echo "::progress 0.5"
sleep 0.3
wc -l parts/part-*.txt
