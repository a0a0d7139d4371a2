/* What Python reads and changes of a node. */

static PyObject *inputs_of(Value *v) {
    switch (v->kind) {
    case ONE: case ONE_STATIC: return PyTuple_Pack(1, v->a);
    case TWO: return PyTuple_Pack(2, v->a, v->b);
    case THREE: return PyTuple_Pack(3, v->a, v->rest->b, v->rest->c);
    case MANY: if (v->more) return PyObject_GetAttrString(v->more, "inputs");
    }
    return PyTuple_New(0);
}

static PyObject *get_inputs(Value *v, void *unused) { return inputs_of(v); }

static PyObject *get_data(Value *v, void *unused) { return PyFloat_FromDouble(number(v)); }
static PyObject *get_grad(Value *v, void *unused) {
    return PAID(v) ? PyFloat_FromDouble(v->grad) : NULL;
}

static int set_data(Value *v, PyObject *x, void *unused) {
    double d;
    if (!x) { PyErr_SetString(PyExc_AttributeError, "data cannot be deleted"); return -1; }
    if (!to_double(x, "data", &d)) return -1;
    set_number(v, d);
    return 0;
}

static int set_grad(Value *v, PyObject *x, void *unused) {
    if (!x) { PyErr_SetString(PyExc_AttributeError, "grad cannot be deleted"); return -1; }
    return PAID(v) && to_double(x, "grad", &v->grad) ? 0 : -1;
}

static PyObject *get_a(Value *v, void *unused) {
    return Py_NewRef(v->kind >= ONE && v->kind <= TWO ? (PyObject *)v->a : Py_None);
}
static PyObject *get_b(Value *v, void *unused) {
    return Py_NewRef(v->kind == TWO ? (PyObject *)v->b : Py_None);
}
static PyObject *get_static(Value *v, void *unused) {
    if (v->kind == ONE_STATIC) return PyFloat_FromDouble(v->k);
    return Py_NewRef(v->kind == NUMBER ? v->number : Py_None);
}
static PyObject *get_row(Value *v, void *unused) {
    return Py_NewRef(is_leaf(v) ? Py_None : rows[v->row]);
}

static PyObject *get_mark(Value *v, void *unused) {
    if (!PAID(v)) return NULL;
    return v->mark ? PyLong_FromUnsignedLongLong(v->mark) : Py_NewRef(Py_None);
}
static int set_mark(Value *v, PyObject *x, void *unused) {
    if (!PAID(v)) return -1;
    v->mark = !x || x == Py_None ? 0 : PyLong_Check(x) ? PyLong_AsUnsignedLongLong(x) : 1;
    return PyErr_Occurred() ? -1 : 0;
}

static PyObject *get_more(Value *v, void *unused) {
    return Py_NewRef(v->more ? v->more : Py_None);
}
static void put_more(Value *v, PyObject *more) {
    PyObject *before = v->more;
    v->more = !more || more == Py_None ? NULL : Py_NewRef(more);
    Py_XDECREF(before);
}
static int set_more(Value *v, PyObject *more, void *unused) { put_more(v, more); return 0; }

static int number_of_row(PyObject *row) {
    for (int i = ROW_BY_HAND; i < row_count; i++) if (rows[i] == row) return i;
    if (row_count == MOST_ROWS) {
        PyErr_SetString(PyExc_RuntimeError, "too many rows that are in no op table");
        return -1;
    }
    PyObject *count = PyObject_GetAttrString(row, "arity");
    if (!count) return -1;
    arity[row_count] = (unsigned char)PyLong_AsLong(count);
    Py_DECREF(count);
    if (PyErr_Occurred()) return -1;
    rows[row_count] = Py_NewRef(row);
    return row_count++;
}

/* Put inputs, of which there are up to three in a tuple, into a node that has none. */
static int put_inputs(Value *v, PyObject *inputs, PyObject *parameter) {
    Py_ssize_t count = PyTuple_Size(inputs);
    Value *x[3] = {NULL};
    for (Py_ssize_t i = 0; i < count; i++) {
        x[i] = (Value *)PyTuple_GetItem(inputs, i);
        if (!PyObject_TypeCheck((PyObject *)x[i], value_type)) {
            PyErr_SetString(PyExc_TypeError, "the inputs of a node are Values");
            return 0;
        }
    }
    Rest *rest = count == 3 ? PyMem_Malloc(sizeof *rest) : NULL;
    if (count == 3 && !rest) { PyErr_NoMemory(); return 0; }
    v->a = REFERENCE(x[0]);
    if (count == 2) v->b = REFERENCE(x[1]);
    if (count == 3) {
        *rest = (Rest){REFERENCE(x[1]), REFERENCE(x[2])};
        v->rest = rest;
    }
    v->kind = count == 3 ? THREE : count == 2 ? TWO : ONE;
    if (count == 1 && parameter != Py_None) {
        v->k = PyFloat_AsDouble(parameter);
        v->kind = ONE_STATIC;
    }
    return 1;
}

/* The same where they are more or fewer, or a node is made by hand: they are in its notes. */
static int put_many(Value *v, PyObject *inputs) {
    v->kind = MANY;
    if (!PyTuple_Size(inputs)) return 1;
    if (!v->more && !(v->more = PyObject_CallFunctionObjArgs(more_type, NULL))) return 0;
    return PyObject_SetAttrString(v->more, "inputs", inputs) == 0;
}

static int become(Value *v, int row, PyObject *inputs, PyObject *parameter) {
    Py_ssize_t count = PyTuple_Size(inputs);
    v->data = number(v);
    v->row = row;
    v->kind = NONE;
    v->a = NULL;
    v->b = NULL;
    if (row == ROW_OPERAND) {
        v->kind = NUMBER;
        v->number = Py_NewRef(parameter);
        return 1;
    }
    if (row == ROW_LEAF) return 1;
    int few = count >= 1 && count <= 3 && count == arity[row];
    return few ? put_inputs(v, inputs, parameter) : put_many(v, inputs);
}

/* _become(row, inputs, static, more) */
static PyObject *node_become(PyObject *self, PyObject *args) {
    Value *v = (Value *)self, before = *v;
    PyObject *row, *inputs, *parameter, *more;
    if (!PyArg_ParseTuple(args, "OO!OO", &row, &PyTuple_Type, &inputs, &parameter, &more)) return NULL;
    int number = row == Py_None ? (PyFloat_CheckExact(parameter) ? ROW_OPERAND : ROW_LEAF)
                                : number_of_row(row);
    if (number < 0) return NULL;
    v->more = more == Py_None ? NULL : Py_NewRef(more);
    int well = become(v, number, inputs, parameter);
    switch (before.kind) {
    case NUMBER: Py_DECREF(before.number); break;
    case THREE: Py_DECREF(OBJECT(before.rest->b)); Py_DECREF(OBJECT(before.rest->c)); PyMem_Free(before.rest);
        Py_DECREF(OBJECT(before.a)); break;
    case TWO: Py_DECREF(OBJECT(before.b)); /* fall through */
    case ONE: case ONE_STATIC: Py_DECREF(OBJECT(before.a));
    }
    Py_XDECREF(before.more);
    return well ? Py_NewRef(Py_None) : NULL;
}

#define ATTRIBUTE(name) {"_" #name, (getter)get_##name, NULL, NULL, NULL}
#define CHANGEABLE(name, function) {name, (getter)get_##function, (setter)set_##function, NULL, NULL}
static PyGetSetDef attributes[] = {
    CHANGEABLE("data", data), CHANGEABLE("_data", data), CHANGEABLE("grad", grad),
    CHANGEABLE("_grad", grad), CHANGEABLE("_mark", mark), CHANGEABLE("_more", more),
    ATTRIBUTE(a), ATTRIBUTE(b), ATTRIBUTE(static), ATTRIBUTE(row), ATTRIBUTE(inputs), {NULL}};
