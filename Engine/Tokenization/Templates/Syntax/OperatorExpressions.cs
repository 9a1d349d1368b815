using System.Text;

namespace NvStream.Tokenization.Templates;

sealed class ArithmeticExpression(Position at, string symbol, Expression left, Expression right) : Expression(at)
{
    protected override Value Compute(Frame frame) =>
        Arithmetic.Apply(frame.Run, symbol, left.Evaluate(frame), right.Evaluate(frame));
}

sealed class SignExpression(Position at, bool isMinus, Expression operand) : Expression(at)
{
    protected override Value Compute(Frame frame)
    {
        Value value = operand.Evaluate(frame);
        return isMinus ? Arithmetic.Negate(frame.Run, value) : Arithmetic.Plus(frame.Run, value);
    }
}

/// <summary><c>a ~ b ~ c</c>: the texts of all operands, one after the other.</summary>
sealed class ConcatExpression(Position at, Expression[] operands) : Expression(at)
{
    protected override Value Compute(Frame frame)
    {
        var text = new StringBuilder();
        foreach (Expression operand in operands)
        {
            string part = Printer.Text(frame.Run, operand.Evaluate(frame));
            frame.Run.ChargeText(part.Length);
            text.Append(part);
        }

        return frame.Run.Text(text.ToString());
    }
}

sealed class NotExpression(Position at, Expression operand) : Expression(at)
{
    protected override Value Compute(Frame frame) => BoolValue.Of(!operand.Evaluate(frame).IsTrue);
}

/// <summary><c>and</c> and <c>or</c>: the value of the operand that decides; the right one is evaluated only if needed.</summary>
sealed class LogicalExpression(Position at, bool isAnd, Expression left, Expression right) : Expression(at)
{
    protected override Value Compute(Frame frame)
    {
        Value value = left.Evaluate(frame);
        return value.IsTrue == isAnd ? right.Evaluate(frame) : value;
    }
}

/// <summary>A chain of comparisons, each operand evaluated once and none after the first that fails: <c>1 &lt; x &lt;= 3</c>.</summary>
sealed class CompareExpression(Position at, Expression first, (string Symbol, Expression Operand)[] rest) : Expression(at)
{
    protected override Value Compute(Frame frame)
    {
        Value left = first.Evaluate(frame);
        foreach (var (symbol, operand) in rest)
        {
            Value right = operand.Evaluate(frame);
            if (!Holds(frame.Run, symbol, left, right))
            {
                return BoolValue.False;
            }

            left = right;
        }

        return BoolValue.True;
    }

    static bool Holds(Run run, string symbol, Value left, Value right) => symbol switch
    {
        "==" => Operators.Equal(run, left, right),
        "!=" => !Operators.Equal(run, left, right),
        "<" => Operators.Order(run, left, right, 0) < 0,
        "<=" => Operators.Order(run, left, right, 0) <= 0,
        ">" => Operators.Order(run, left, right, 0) > 0,
        ">=" => Operators.Order(run, left, right, 0) >= 0,
        "in" => Operators.Contains(run, right, left),
        _ => !Operators.Contains(run, right, left),
    };
}

/// <summary><c>then if condition else otherwise</c>; without an else it may be undefined.</summary>
sealed class ConditionalExpression(Position at, Expression condition, Expression then, Expression? otherwise) : Expression(at)
{
    protected override Value Compute(Frame frame) =>
        condition.Evaluate(frame).IsTrue ? then.Evaluate(frame)
        : otherwise?.Evaluate(frame) ?? new UndefinedValue($"the inline if at {At} is false and has no else");
}
