# Writes corpus.txt: 4,000 lines of 12 words, few words often and many words rarely, as in a
# real text. The same seed gives the same text every time.
set -eu
awk -v lines=4000 -v per_line=12 -v seed=20261 '
  function random() { seed = (seed * 16807) % 2147483647; return seed / 2147483647 }
  { word[++words] = $1 }
  END {
    for (line = 1; line <= lines; line++) {
      text = ""
      for (at = 1; at <= per_line; at++) {
        rank = int(exp(random() * log(words + 1)))
        if (rank > words) rank = words
        text = text (at > 1 ? " " : "") word[rank]
      }
      print text "."
    }
  }' "$MIYABI_PLAN_DIR/scripts/words.txt" > corpus.txt.new
echo "::progress 0.5"
sleep 0.5
mv corpus.txt.new corpus.txt
echo "$(wc -l < corpus.txt) lines written"
