#!/bin/sh
# Makes the two font subsets beside this file. Needs: pip install fonttools==4.68.0 matplotlib==3.11.2
set -eu
ttf=$(python3 -c 'import matplotlib; print(matplotlib.get_data_path())')/fonts/ttf
# Latin-1, Latin Extended-A, Greek letters of formulas, punctuation and the symbols of the figures.
set_of='U+0020-007E,U+00A0-017F,U+0394,U+03A3,U+03B1-03B5,U+03BB,U+03BC,U+03C0,U+03C3,U+2010-2015,U+2018-201A,U+201C-201E,U+2022,U+2026,U+2030,U+20AC,U+2190-2193,U+2212,U+2248,U+2260,U+2264,U+2265,U+2713,U+2717,U+FFFD'
for face in DejaVuSans DejaVuSans-Bold; do
  pyftsubset "$ttf/$face.ttf" --unicodes="$set_of" --layout-features= --no-hinting --desubroutinize \
    --legacy-kern --drop-tables+=GPOS,GSUB,GDEF,MATH,FFTM --name-IDs=0,1,2,4,5,6,13,14 --notdef-outline --output-file="$face.subset.ttf"
done
cp "$ttf/LICENSE_DEJAVU" LICENSE_DEJAVU
