using NvStream.Inference;
using NvStream.Measurement;
using NvStream.Storage;

namespace NvStream.Benchmarks;

/// <summary>The rate predicted from measured rates for a model that nearly all streams, against the rate it then decodes at.</summary>
static class Predictions
{
    const double Target = 0.15;
    const int Tokens = 4;
    const int Prompt = 2;
    const int Sequences = 8;

    /// <summary>Passes of so many rows carry eight sequences.</summary>
    const int PassRows = 16;

    /// <param name="device">"Cpu" or "Cuda".</param>
    public static async Task<Section> Measure(Bench bench, string device, RouteKind route)
    {
        var section = new Section(device == "Cpu" ? "prediction" : "cuda-prediction", "predicted against measured decode rate, streamed");
        var path = Bench.LargeModel();
        using var session = new Session(path, bench, Session.LeastBudget(path, bench, PassRows, device), route: route, device: device);
        var demand = session.Model.Demand;
        section.Notes.Add(
            $"8B shape, Q4_K_M: {demand.StorageBytes / 1e9:F2} GB of {demand.WeightBytes / 1e9:F2} GB a pass streamed; route {session.Model.Route}, 1 MiB x 8; device {session.Model.Device}");
        var options = new ModelOptions();
        var request = new PathRequest
        {
            Device = device,
            Routes = [route],
            BlockSizes = [options.BlockSize],
            QueueDepths = [options.QueueDepth],
            Model = demand,
        };
        await Machine.ReadsSettle();
        var (one, eight) = (new Comparison(bench.Repeats), new Comparison(bench.Repeats));
        for (var round = 0; round < bench.Repeats; round++)
        {
            NvmeMeasurement? row = null;
            PathBenchmark.Run(path, request, r => row = r, u => throw new BenchmarkException(u.Reason));
            one.Predicted[round] = row!.PredictedTokenRate!.Value;
            eight.Predicted[round] = row.PredictedBatchTokenRate!.Value;
            (one.Term, eight.Term) = ($"{row.BindingTerm}", $"{row.BatchBindingTerm}");
            one.Measured[round] = (await session.Run(Prompt, Tokens)).Decode;
            eight.Measured[round] = (await session.Run(Prompt, Tokens, Sequences)).Decode;
            await Machine.ReadsSettle();
        }

        one.AddTo(section, "one sequence");
        eight.AddTo(section, "eight sequences");
        return section;
    }

    sealed class Comparison(int repeats)
    {
        public double[] Predicted { get; } = new double[repeats];

        public double[] Measured { get; } = new double[repeats];

        public string Term { get; set; } = "";

        public void AddTo(Section section, string name)
        {
            var predicted = section.Add($"{name}: predicted, bound by {Term}", "tok/s", Predicted);
            var measured = section.Add($"{name}: measured", "tok/s", Measured);
            section.Checks.Add(Check.AtMost($"{name}: |predicted / measured - 1|", Math.Abs(predicted.Median / measured.Median - 1), Target));
        }
    }
}
