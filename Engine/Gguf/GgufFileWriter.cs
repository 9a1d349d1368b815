using Microsoft.Win32.SafeHandles;

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
            RandomAccess.Write(handle, header, 0);
            if (!options.Sparse)
            {
                WriteTensors(handle, tensors, data!, options, ref written);
            }

            RandomAccess.SetLength(handle, length);
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
        SafeFileHandle handle, GgufTensor[] tensors, GgufTensorData data, GgufWriteOptions options, ref long written)
    {
        foreach (var tensor in tensors)
        {
            for (var done = 0L; done < tensor.Bytes;)
            {
                options.CancellationToken.ThrowIfCancellationRequested();
                var bytes = data(tensor, done);
                if (bytes.IsEmpty || bytes.Length > tensor.Bytes - done)
                {
                    throw new InvalidOperationException(
                        $"{bytes.Length} bytes were given for '{tensor.Name}' with {tensor.Bytes - done} to go");
                }

                RandomAccess.Write(handle, bytes, tensor.Offset + done);
                done += bytes.Length;
                written += bytes.Length;
                options.Progress?.Report(written);
            }
        }
    }
}
