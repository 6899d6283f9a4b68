module tarn.dev/tarn

go 1.24
