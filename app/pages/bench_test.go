package pages_test

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/berth-iac/berth/app/pages"
	"github.com/berth-iac/berth/app/pages/pagestest"
)

// large is a board with so many cards.
func large(cards int) pages.Board {
	board := pagestest.Board()
	for i := range board.Columns {
		some := board.Columns[i].Cards
		for n := len(board.Columns[i].Cards); n < cards/len(board.Columns); n++ {
			card := some[n%len(some)]
			card.Key = fmt.Sprintf("WEB-%d", 1000*(i+1)+n)
			board.Columns[i].Cards = append(board.Columns[i].Cards, card)
		}
	}
	return board
}

func BenchmarkBoard(b *testing.B) {
	for _, cards := range []int{20, 200} {
		b.Run(fmt.Sprintf("%d cards", cards), func(b *testing.B) {
			board := large(cards)
			var buf bytes.Buffer
			if err := pages.Render(&buf, board); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(buf.Len()))
			b.ReportAllocs()
			for b.Loop() {
				if err := pages.Render(io.Discard, board); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkTask(b *testing.B) {
	for _, sample := range pagestest.All() {
		if sample.Name != "task" {
			continue
		}
		b.ReportAllocs()
		for b.Loop() {
			if err := pages.Render(io.Discard, sample.Page); err != nil {
				b.Fatal(err)
			}
		}
	}
}
