# Counts the words of one part, a quarter at a time, into counts/part-N.tsv.
set -eu
part=$1
mkdir -p counts
: > "counts/part-$part.raw"
for quarter in 1 2 3 4; do
  awk -v quarter="$quarter" '
    NR % 4 == quarter % 4 {
      gsub(/[^a-z ]/, "")
      for (at = 1; at <= NF; at++) count[$at]++
    }
    END { for (word in count) print word "\t" count[word] }' "parts/part-$part.txt" >> "counts/part-$part.raw"
  echo "::progress 0.$((quarter * 2))"
  # Only so that a person can watch it.
  sleep 0.4
done
awk -F '\t' '{ count[$1] += $2 } END { for (word in count) print word "\t" count[word] }' \
  "counts/part-$part.raw" | LC_ALL=C sort > "counts/part-$part.tsv"
rm "counts/part-$part.raw"
echo "$(wc -l < "counts/part-$part.tsv") different words in part $part"
