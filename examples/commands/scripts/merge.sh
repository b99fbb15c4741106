# Adds the four counts up into totals.tsv, the commonest word first.
set -eu
awk -F '\t' '{ count[$1] += $2 } END { for (word in count) print word "\t" count[word] }' counts/part-*.tsv |
  LC_ALL=C sort -k2,2nr -k1,1 > totals.tsv
echo "::progress 0.8"
sleep 0.3
head -n 5 totals.tsv
