namespace NvStream.Gguf;

/// <summary>Puts one file on the disk, or none.</summary>
static class GgufFileWriter
{
    /// <param name="header">The bytes before the data, padded.</param>
    /// <param name="length">Of the whole file.</param>
    /// <param name="written">Bytes of all files so far, for the progress.</param>
    /// <returns><paramref name="path"/>.</returns>
    public static string Write(
        string path,
        byte[] header,
        GgufTensor[] tensors,
        long length,
        GgufTensorData? data,
        GgufWriteOptions options,
        ref long written)
    {
        if (!options.Overwrite && File.Exists(path))
        {
            throw GgufException.WriteFailed(path, "it exists already");
        }

        var created = false;
        try
        {
            // Space that is reserved first makes a full disk show at once and not after an hour. The file's length
            // still grows with what is written, so that a killed writer's file is seen to be cut short.
            using var handle = File.OpenHandle(
                path,
                options.Overwrite ? FileMode.Create : FileMode.CreateNew,
                FileAccess.Write,
                FileShare.None,
                preallocationSize: options.Sparse ? 0 : length);
            created = true;
            if (options.Sparse)
            {
                RandomAccess.Write(handle, header, 0);
                RandomAccess.SetLength(handle, length);
                return path;
            }

            using var writer = new AheadWriter(handle, path, length);
            writer.Append(header);
            WriteTensors(writer, tensors, data!, options, ref written);
            writer.PadTo(length);
            writer.Finish();
            return path;
        }
        catch (Exception error)
        {
            if (created)
            {
                File.Delete(path);
            }

            if (error is IOException or UnauthorizedAccessException)
            {
                throw GgufException.WriteFailed(path, error.Message, error);
            }

            throw;
        }
    }

    static void WriteTensors(
        AheadWriter writer, GgufTensor[] tensors, GgufTensorData data, GgufWriteOptions options, ref long written)
    {
        foreach (var tensor in tensors)
        {
            writer.PadTo(tensor.Offset);
            for (var done = 0L; done < tensor.Bytes;)
            {
                options.CancellationToken.ThrowIfCancellationRequested();
                var bytes = data(tensor, done);
                if (bytes.IsEmpty || bytes.Length > tensor.Bytes - done)
                {
                    throw new InvalidOperationException(
                        $"{bytes.Length} bytes were given for '{tensor.Name}' with {tensor.Bytes - done} to go");
                }

                writer.Append(bytes);
                done += bytes.Length;
                written += bytes.Length;
                options.Progress?.Report(written);
            }
        }
    }
}
