# Counts the whole corpus once more in another way, and fails where it differs from totals.tsv.
set -eu
tr -cs 'a-z' '\n' < corpus.txt | sed '/^$/d' | LC_ALL=C sort | uniq -c |
  awk '{ print $2 "\t" $1 }' | LC_ALL=C sort -k2,2nr -k1,1 > recount.tsv
echo "::progress 0.7"
sleep 0.5
cmp recount.tsv totals.tsv
echo "both counts agree on $(wc -l < totals.tsv) words"
