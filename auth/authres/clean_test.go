package authres

// clean is the part of r that Format writes, as Parse reads it back.
func clean(r Results, style Style) Results {
	c := Results{AuthServID: cleanText(r.AuthServID), Version: cleanVersion(r.Version)}
	if style == Microsoft {
		c = Results{}
	}
	for i := range r.Results {
		if res, ok := cleanResult(&r.Results[i], style); ok {
			c.Results = append(c.Results, res)
		}
	}
	return c
}

func cleanResult(r *Result, style Style) (Result, bool) {
	c := Result{
		Method:  cleanKeyword(r.Method),
		Version: cleanVersion(r.Version),
		Value:   cleanKeyword(r.Value),
		Comment: cleanComment(r.Comment),
		Reason:  cleanValue(r.Reason),
	}
	for _, p := range r.Properties {
		p = Property{cleanKeyword(p.Type), cleanKeyword(p.Name), cleanValue(p.Value), cleanComment(p.Comment)}
		bare := p.Type == "" && (style != Microsoft || p.Name == "reason")
		if p.Name != "" && !bare {
			c.Properties = append(c.Properties, p)
		}
	}
	return c, c.Method != "" && c.Value != ""
}
