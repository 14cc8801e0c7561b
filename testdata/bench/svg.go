package main

import (
	"encoding/xml"
	"fmt"
	"runtime"
	"strings"
)

// A chart is panels of horizontal bars, and a line of small text below.
type chart struct {
	panels  []panel
	caption string
}

// A panel has bars on one scale.
type panel struct {
	title string
	bars  []bar
}

// A bar is one contestant. Its parts add up to its length.
type bar struct {
	label, below string // below stands under the label, smaller
	class        string // of its colour
	value        string // behind it
	parts        []float64
}

// Sizes of the chart, in pixels.
const (
	chartWidth = 760
	labelWidth = 190
	valueWidth = 96
	barHeight  = 22
	barStep    = 38
	panelHead  = 44
	panelGap   = 18

	captionHead = 16
)

func (b *bench) chart(contestants []*contestant) chart {
	cpu := panel{title: "CPU time for a message, in milliseconds (less is better)"}
	rate := panel{title: fmt.Sprintf("Messages a second, %d at a time (more is better)", many)}
	for _, c := range contestants {
		f, ok := b.results.figures(c, mixMany)
		if !ok {
			continue
		}
		class := "assay"
		switch {
		case c.floor:
			class = "floor"
		case c.rival:
			class = "rival"
		}
		line := bar{label: c.name, class: class, value: duration(f.cpu)}
		if c.floor {
			line.below = "socket, SHA-256 and RSA alone"
		}
		for _, part := range f.each {
			line.parts = append(line.parts, part.Seconds())
		}
		if len(c.parts) > 1 {
			line.label, line.below = c.parts[0]+" +", strings.Join(c.parts[1:], " + ")
		}
		cpu.bars = append(cpu.bars, line)
		line.value, line.parts = count(f.rate), []float64{f.rate}
		rate.bars = append(rate.bars, line)
	}
	caption := fmt.Sprintf("A mix of mail of 5 KB to 1 MB, signed and not, DNS warm; %d cores of %s for all, the sender of the mail too.", runtime.NumCPU(), cpuModel())
	return chart{panels: []panel{cpu, rate}, caption: caption}
}

const chartStyle = `
	text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
	.title { font-weight: 600; font-size: 14px }
	.below { font-size: 11px; fill: #656d76 }
	.floor { fill: #8c959f } .assay { fill: #1a7f37 } .rival { fill: #5b7fb5 }
	.axis { stroke: #8c959f }
	@media (prefers-color-scheme: dark) {
		text { fill: #e6edf3 } .below { fill: #9198a1 } .assay { fill: #3fb950 } .rival { fill: #6e8fc4 }
	}
`

// svg draws it, on no background, with colours for light and dark pages.
func (c chart) svg() string {
	var b strings.Builder
	y := 0
	for i, p := range c.panels {
		if i > 0 {
			y += panelGap
		}
		y = p.draw(&b, y)
	}
	y += captionHead
	fmt.Fprintf(&b, "<text class=\"below\" x=\"8\" y=\"%d\">%s</text>\n", y, escape(c.caption))
	return fmt.Sprintf("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%[1]d\" height=\"%[2]d\" viewBox=\"0 0 %[1]d %[2]d\" role=\"img\" "+
		"aria-label=\"CPU time for a message, and messages a second\">\n<style>%[3]s</style>\n%[4]s</svg>\n", chartWidth, y+8, chartStyle, b.String())
}

// draw draws the panel from y down, and tells where it ends.
func (p panel) draw(b *strings.Builder, y int) int {
	fmt.Fprintf(b, "<text class=\"title\" x=\"8\" y=\"%d\">%s</text>\n", y+24, escape(p.title))
	y += panelHead
	longest := 0.0
	for _, line := range p.bars {
		longest = max(longest, line.length())
	}
	fmt.Fprintf(b, "<line class=\"axis\" x1=\"%[1]d\" x2=\"%[1]d\" y1=\"%[2]d\" y2=\"%[3]d\"/>\n", labelWidth, y-6, y+len(p.bars)*barStep-8)
	for _, line := range p.bars {
		line.draw(b, y, float64(chartWidth-labelWidth-valueWidth)/max(longest, 1e-9))
		y += barStep
	}
	return y
}

func (l bar) length() (sum float64) {
	for _, part := range l.parts {
		sum += part
	}
	return sum
}

func (l bar) draw(b *strings.Builder, y int, scale float64) {
	textY := y + barHeight/2 + 4
	if l.below != "" {
		textY -= 6
		fmt.Fprintf(b, "<text class=\"below\" x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>\n", labelWidth-10, textY+14, escape(l.below))
	}
	fmt.Fprintf(b, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>\n", labelWidth-10, textY, escape(l.label))
	x := float64(labelWidth)
	for i, part := range l.parts {
		gap := 0.0
		if i < len(l.parts)-1 {
			gap = 1.5
		}
		fmt.Fprintf(b, "<rect class=\"%s\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\"/>\n", l.class, x, y, max(part*scale-gap, 1), barHeight)
		x += part * scale
	}
	fmt.Fprintf(b, "<text x=\"%.1f\" y=\"%d\">%s</text>\n", x+8, y+barHeight/2+5, escape(l.value))
}

func escape(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder takes all
	return b.String()
}
