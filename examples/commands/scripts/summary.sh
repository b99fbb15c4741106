# Writes the summary, as Markdown and as a page with bars.
set -eu
words=$(awk -F '\t' '{ sum += $2 } END { print sum }' totals.tsv)
different=$(awk 'END { print NR }' totals.tsv)

{
  echo "# Word statistics"
  echo
  echo "$words words, $different different ones."
  echo
  echo "| word | count |"
  echo "| --- | ---: |"
  head -n 10 totals.tsv | awk -F '\t' '{ print "| " $1 " | " $2 " |" }'
  echo
  echo "| letters | words |"
  echo "| ---: | ---: |"
  awk -F '\t' '{ print "| " $1 " | " $2 " |" }' lengths.tsv
} > summary.md
echo "::progress 0.5"
sleep 0.3

{
  echo '<!doctype html><html lang="en"><meta charset="utf-8"><title>Word statistics</title>'
  echo '<style>body{font:16px system-ui;margin:3rem auto;max-width:40rem}i{display:block;background:#7c9;height:1em}'
  echo 'td{padding:.2em .8em}td:last-child{width:60%}</style>'
  echo "<h1>Word statistics</h1><p>$words words, $different different ones.</p><table>"
  head -n 10 totals.tsv | awk -F '\t' '
    NR == 1 { most = $2 }
    { printf "<tr><td>%s<td>%d<td><i style=\"width:%d%%\"></i>\n", $1, $2, 100 * $2 / most }'
  echo '</table></html>'
} > summary.html
echo "wrote summary.md and summary.html"
