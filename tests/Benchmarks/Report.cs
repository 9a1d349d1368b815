using System.Text.Json;

namespace NvStream.Benchmarks;

/// <summary>Prints sections as they come, and writes all of them as JSON.</summary>
sealed class Report(TextWriter output)
{
    static readonly JsonSerializerOptions s_json = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.CamelCase };

    readonly List<Section> _sections = [];

    public bool IsEveryCheckMet => _sections.TrueForAll(s => s.Failures.Count == 0 && s.Checks.TrueForAll(c => c.IsMet));

    public void Head(Machine machine, string command)
    {
        output.WriteLine($"$ {command}");
        foreach (var (name, value) in machine.Rows)
        {
            output.WriteLine($"{name + ":",-10}{value}");
        }
    }

    public void Add(Section section)
    {
        _sections.Add(section);
        output.WriteLine();
        output.WriteLine($"{section.Name}: {section.Title}");
        section.Notes.ForEach(note => output.WriteLine($"  {note}"));
        foreach (var table in section.Tables)
        {
            output.WriteLine();
            output.Write(table.ToMarkdown());
        }

        if (section.Tables.Count == 0)
        {
            AddFigures(section);
        }

        if (section.Conclusions.Count > 0)
        {
            output.WriteLine();
            section.Conclusions.ForEach(output.WriteLine);
        }

        section.Failures.ForEach(reason => output.WriteLine($"FAILED: {reason}"));
        section.Skipped.ForEach(reason => output.WriteLine($"SKIPPED: {reason}"));
        output.Flush();
    }

    public void Save(string path, Machine machine, string command) => File.WriteAllText(path, JsonSerializer.Serialize(
        new
        {
            Command = command,
            Machine = machine.Rows.ToDictionary(r => r.Name, r => r.Value),
            Sections = _sections,
        },
        s_json));

    void AddFigures(Section section)
    {
        if (section.Samples.Count > 0)
        {
            var table = new Table("measured", "median", "least", "most", "runs", "unit");
            foreach (var s in section.Samples)
            {
                table.Add(s.Name, Table.Number(s.Median), Table.Number(s.Least), Table.Number(s.Most), $"{s.Values.Length}", s.Unit);
            }

            output.WriteLine();
            output.Write(table);
        }

        if (section.Checks.Count > 0)
        {
            var table = new Table("target", "value", "wanted", "met");
            foreach (var c in section.Checks)
            {
                table.Add(c.Name, Table.Number(c.Value), $"{(c.IsAtLeast ? ">=" : "<=")} {Table.Number(c.Target)}", c.IsMet ? "yes" : "NO");
            }

            output.WriteLine();
            output.Write(table);
        }
    }
}
