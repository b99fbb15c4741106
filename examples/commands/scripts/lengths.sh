# Counts how many words there are of each length, into lengths.tsv.
set -eu
awk -F '\t' '{ count[length($1)] += $2 } END { for (size in count) print size "\t" count[size] }' totals.tsv |
  sort -n > lengths.tsv
echo "::progress 0.8"
sleep 0.5
cat lengths.tsv
